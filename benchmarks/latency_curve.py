"""An engine's latency at several rates, measured and simulated: `python -m benchmarks.latency_curve`.

Times the engine's steps and prompts, sends requests as a Poisson process at several shares of its capacity,
and simulates the same arrivals with these times. On a CUDA device it takes the 9B's shape (three minutes on
an H200), elsewhere a small decoder (four minutes). Steps are timed before and after each rate, since the
speed of a shared processor changes.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.capacity import compared
from benchmarks.checkpoint_9b import NINE_B, TINY, write_checkpoint
from benchmarks.engine_simulation import Job, Speed, percentile, poisson, simulate
from benchmarks.serve_load import Arrival, Completed, under_load
from benchmarks.stream_load import prompt
from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.devices import count_cores, threads_for
from inference.types import GenerationRequest, Message, SamplingParams, Text
from testbed.figures import print_rows
from testbed.hardware import hardware_and_versions
from testbed.reference_decoder import ReferenceDecoder, random_prompt, request

MS: Final = 1e-3
PERCENTILES: Final = (50, 95, 99)
JOINING: Final = 4
STEPS_BETWEEN: Final = 6  # two that join
BATCH_TOKENS: Final = 128  # of each response that is timed


@dataclass(frozen=True, slots=True)
class Plan:
    """Times `batches` of requests at once, by themselves and while others join, and `prefills` of so many
    tokens. Then serves each of `loads`, shares of the capacity, for `seconds`.
    """

    batches: tuple[int, ...]
    prefills: tuple[int, ...]
    prompt_tokens: int
    max_tokens: int
    loads: tuple[float, ...]
    seconds: float
    speed: Speed  # its times are to be measured


SMALL: Final = Plan(
    batches=(1, 2, 4, 8, 16),
    prefills=(16, 64, 128),
    prompt_tokens=64,
    max_tokens=32,
    loads=(0.2, 0.4, 0.6, 0.75),
    seconds=25.0,
    speed=Speed({}, {}, {}, {}, max_running=16),
)
GPU: Final = Plan(
    batches=(1, 2, 4, 8, 16, 24, 32, 48, 64),
    prefills=(64, 128, 256, 384, 512, 768, 1_024, 2_048),
    prompt_tokens=128,
    max_tokens=128,
    loads=(0.2, 0.4, 0.6, 0.75, 0.9),
    seconds=20.0,
    speed=Speed(
        {}, {}, {}, {}, max_running=64, idle_chunk_tokens=4_096, launches_ahead=True, has_buckets=True
    ),
)
TINY_GPU: Final = replace(
    GPU,
    batches=(1, 2, 4),
    prefills=(32, 64),
    prompt_tokens=32,
    max_tokens=16,
    seconds=4.0,
    speed=Speed({}, {}, {}, {}, max_running=4),
)


class Engine:
    """Sends requests with numbers, so that no two prompts begin alike."""

    def __init__(self, backend: InProcessBackend, plan: Plan, *, has_token_prompts: bool) -> None:
        self._backend = backend
        self._plan = plan
        self._has_token_prompts = has_token_prompts
        self._numbers = count()

    async def generate(
        self, prompt_tokens: int, max_tokens: int, moments: list[float] | None = None
    ) -> list[float]:
        """Returns when each piece of text came, and notes it in `moments` meanwhile."""
        moments = [] if moments is None else moments
        number = next(self._numbers)
        if self._has_token_prompts:
            asked = request(random_prompt(prompt_tokens, number), max_tokens, f"user{number}")
        else:
            message = Message("user", (Text(prompt(prompt_tokens, number)),))
            sampling = SamplingParams(max_tokens=max_tokens, temperature=0.0)
            asked = GenerationRequest("benchmark", (message,), sampling, fairness_key=str(number))
        async for delta in self._backend.generate(asked):
            if delta.text:
                moments.append(time.monotonic())
        return moments or [time.monotonic()]  # a control token has no text

    async def serve(self, jobs: Sequence[Job]) -> list[Completed]:
        """Begins each job when it is due, however busy the engine is."""
        arrivals = [Arrival(job.at, [], job.max_tokens) for job in jobs]
        generate = partial(self.generate, self._plan.prompt_tokens)
        completed, _ = await under_load(arrivals, lambda _, max_tokens: generate(max_tokens))
        return completed

    async def measure_speed(self) -> Speed:
        plan = self._plan
        prefills = {tokens: await self._first_token_seconds(tokens) for tokens in plan.prefills}
        speed = replace(plan.speed, prefill_seconds=prefills)
        steps, deliveries, hosts = {}, {}, {}
        for rows in plan.batches:
            streams: list[list[float]] = [[] for _ in range(rows)]
            await self._run_batch(streams)
            steps[rows], deliveries[rows] = time_steps(streams)
            if rows < speed.max_running:
                joined_seconds = steps[rows] + await self._seconds_for_each_that_joins(rows, steps[rows])
                hosts[rows] = joined_seconds - speed.pass_seconds(rows + plan.prompt_tokens)
        # What a first token takes without delaying others is the way to the engine and back.
        added = max(0.0, -hosts[1])
        return replace(
            speed,
            step_seconds=steps,
            prefill_seconds={tokens: seconds - added for tokens, seconds in prefills.items()},
            host_seconds={rows: seconds + added for rows, seconds in hosts.items()},
            delivery_seconds=deliveries,
            added_seconds=added,
        )

    async def _first_token_seconds(self, tokens: int) -> float:
        waits = []
        for _ in range(5):
            sent_at = time.monotonic()
            waits.append((await self.generate(tokens, 1))[0] - sent_at)
        return statistics.median(waits)

    async def _run_batch(self, streams: list[list[float]]) -> None:
        await asyncio.gather(
            *(self.generate(self._plan.prompt_tokens, BATCH_TOKENS, stream) for stream in streams)
        )

    async def _seconds_for_each_that_joins(self, rows: int, step_seconds: float) -> float:
        """By how much a prompt that is read meanwhile delays so many requests."""
        streams: list[list[float]] = [[] for _ in range(rows)]
        batch = asyncio.create_task(self._run_batch(streams))

        async def until_tokens(tokens: int) -> None:
            while not batch.done() and min(map(len, streams)) < tokens:  # noqa: ASYNC110
                await asyncio.sleep(MS)

        await until_tokens(STEPS_BETWEEN)
        start = len(streams[0])
        for _ in range(JOINING):
            await self.generate(self._plan.prompt_tokens, 1)
            await until_tokens(min(map(len, streams)) + STEPS_BETWEEN)
        moments = streams[0][start - 1 :]
        await batch
        return (moments[-1] - moments[0] - (len(moments) - 1) * step_seconds) / JOINING


def time_steps(streams: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Seconds of a step, and those between its first and last request's token, while all decode."""
    began, ended = max(stream[0] for stream in streams), min(stream[-1] for stream in streams)
    together = [[each for each in stream if began < each <= ended] for stream in streams]
    steps = min(map(len, together))
    step_seconds = (together[0][steps - 1] - together[0][0]) / (steps - 1)
    moments = sorted(moment for stream in together for moment in stream)
    pauses = [end - start for start, end in pairwise(moments)]
    ends = [index for index, pause in enumerate(pauses) if pause > step_seconds / 4]
    bursts = [moments[last + 1 : end + 1] for last, end in pairwise(ends)]
    return step_seconds, statistics.median(burst[-1] - burst[0] for burst in bursts)


def mean_speed(first: Speed, second: Speed) -> Speed:
    def mean(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
        return {key: (one[key] + other[key]) / 2 for key in one}

    return replace(
        first,
        step_seconds=mean(first.step_seconds, second.step_seconds),
        prefill_seconds=mean(first.prefill_seconds, second.prefill_seconds),
        host_seconds=mean(first.host_seconds, second.host_seconds),
        delivery_seconds=mean(first.delivery_seconds, second.delivery_seconds),
        added_seconds=(first.added_seconds + second.added_seconds) / 2,
    )


def capacity(speed: Speed, plan: Plan) -> float:
    """Requests a second with a full batch, in which a prompt is read whenever a request has ended."""
    full = speed.max_running
    decode_seconds = plan.max_tokens / full * speed.seconds(full, 0)
    return 1 / (decode_seconds + speed.seconds(full, plan.prompt_tokens) - speed.seconds(full, 0))


async def measure_curve(engine: Engine, plan: Plan) -> tuple[list[dict[str, Any]], Speed]:
    """Each rate's percentiles, measured and simulated. The steps are timed before and after each rate."""
    rows = []
    before = await engine.measure_speed()
    for load in plan.loads:
        rate = load * capacity(before, plan)
        jobs = poisson(rate, plan.seconds, plan.prompt_tokens, plan.max_tokens, seed=int(load * 100))
        served = await engine.serve(jobs)
        after = await engine.measure_speed()
        simulated = simulate(jobs, mean_speed(before, after))
        before = after
        for name, ours, theirs in (
            ("first token", [each.ttft for each in served], [each.ttft for each in simulated]),
            ("response", [each.e2e for each in served], [each.total for each in simulated]),
        ):
            for percent in PERCENTILES:
                what = f"{rate:.1f} requests/s ({load:.0%}), {name}, p{percent} ms"
                rows.append(compared(what, percentile(ours, percent) / MS, percentile(theirs, percent) / MS))
    return rows, before


@asynccontextmanager
async def small_engine() -> AsyncIterator[Engine]:
    with tempfile.TemporaryDirectory() as directory:
        backend = ReferenceDecoder.write(Path(directory)).backend("none")
        await backend.start()
        torch.set_num_threads(threads_for(count_cores()))
        try:
            yield Engine(backend, SMALL, has_token_prompts=True)
        finally:
            await backend.aclose(0)


@asynccontextmanager
async def nine_b_engine(plan: Plan) -> AsyncIterator[Engine]:
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as directory:
        write_checkpoint(Path(directory), device, TINY if plan is TINY_GPU else NINE_B)
        config = EngineConfig(
            model=directory,
            devices=(device,),
            quantization="int8",
            kv_cache_tokens=100_000 if plan is GPU else 4_096,
            max_waiting_requests=1024,
            max_running_requests=plan.speed.max_running,
        )
        backend = InProcessBackend(config)
        await backend.start()
        try:
            yield Engine(backend, plan, has_token_prompts=False)
        finally:
            await backend.aclose(0)


async def measure(plan: Plan) -> tuple[list[dict[str, Any]], Speed]:
    async with small_engine() if plan is SMALL else nine_b_engine(plan) as engine:
        await engine.measure_speed()  # warms up
        return await measure_curve(engine, plan)


def milliseconds(speed: Speed) -> dict[str, dict[int, float]]:
    names = ("step_seconds", "prefill_seconds", "host_seconds", "delivery_seconds")
    return {"added_seconds": {0: round(speed.added_seconds / MS, 2)}} | {
        name: {number: round(seconds / MS, 2) for number, seconds in getattr(speed, name).items()}
        for name in names
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="the 9B's code with a tiny model")
    arguments = parser.parse_args()
    plan = TINY_GPU if arguments.tiny else GPU if torch.cuda.is_available() else SMALL
    rows, speed = asyncio.run(measure(plan))
    print_rows("Latency, measured and simulated", rows)
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    figures = {"curve": rows, "milliseconds": milliseconds(speed), "gpus": gpus}
    print(json.dumps(figures | hardware_and_versions("simpy", "torch")))


if __name__ == "__main__":
    main()
