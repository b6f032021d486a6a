"""Several devices beside one, for `python -m benchmarks.cuda_9b --devices N`.

One device, then all of them, with the same loads: tokens a second, who served what, how soon a response
begins, and what an error of a device costs.
"""

import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Literal

from benchmarks.stream_load import (
    Load,
    Stream,
    closed_loop_rates,
    errors,
    prompt,
    run_load,
    tokens_per_second,
    ttft_figures,
)
from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.timeline import Timeline
from inference.types import GenerationRequest, Message, SamplingParams, Text
from testbed.faulty_device import ILLEGAL_ACCESS, KILL, LOSE, break_next, is_broken, load_faulty

Figures = dict[str, object]
RECOVERY_SECONDS = 120.0  # until a device must serve again
POISSON_SHARE = 0.7  # of the capacity


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured. The first is on a GPU, the second on a CPU."""

    streams: tuple[int, ...]
    running_per_device: int
    prompt_tokens: int
    max_tokens: int
    short_tokens: int  # of responses under load
    load_seconds: float
    cache_tokens: int


FULL = Plan((1, 32, 64, 128), 64, 640, 768, 64, 8.0, 100_000)
TINY = Plan((1, 2, 4), 4, 32, 48, 8, 2.0, 4096)


@dataclass(frozen=True, slots=True)
class Setup:
    model: str
    devices: tuple[str, ...]
    workers: Literal["threads", "processes"]
    placement: Literal["replicate", "split"]
    plan: Plan


class Client:
    """Sends requests to a backend. Numbers them, so that no two prompts begin alike."""

    def __init__(self, backend: InProcessBackend, numbers: "count[int]") -> None:
        self.backend = backend
        self._numbers = numbers

    def first(self, requests: int = 10_000) -> int:
        """The first of so many numbers."""
        return next(self._numbers) * requests

    async def ask(self, text: str, max_tokens: int, stream: Stream) -> None:
        timeline = Timeline()
        request = GenerationRequest(
            "benchmark",
            (Message("user", (Text(text),)),),
            SamplingParams(max_tokens=max_tokens, temperature=0.0),
            fairness_key=text[:6],
            timeline=timeline,
        )
        try:
            async for delta in self.backend.generate(request):
                if delta.text or delta.reasoning:
                    stream.note(len(delta.text) + len(delta.reasoning))
                if delta.usage is not None:
                    stream.tokens = delta.usage.completion_tokens
        finally:
            stream.worker = timeline.worker

    async def run(self, load: Load) -> list[Stream]:
        return await run_load(replace(load, first=self.first()), self.ask)


async def measure_pool(setup: Setup) -> Figures:
    numbers, figures = count(), Figures()
    with tempfile.TemporaryDirectory() as name:
        one = replace(setup, devices=setup.devices[:1], placement="replicate")
        async with opened(one, Path(name), numbers, "one", figures) as client:
            figures |= tell(await measure_rates("one", client, setup.plan))
            same = await texts(client, setup.plan)
        async with opened(setup, Path(name), numbers, "all", figures) as client:
            figures |= tell(await measure_rates("all", client, setup.plan))
            found = await texts(client, setup.plan)
            figures["all_same_text_as_one"] = f"{sum(map(str.__eq__, same, found))} of {len(same)}"
            figures |= tell(compare(setup, figures))
            figures |= tell(await measure_arrivals(client, setup))
            if setup.placement == "replicate" and len(setup.devices) > 1:
                for fault in faults(setup):
                    figures |= tell(await break_one(client, setup, Path(name), fault))
    return figures


@asynccontextmanager
async def opened(
    setup: Setup, directory: Path, numbers: "count[int]", name: str, figures: Figures
) -> AsyncIterator[Client]:
    config = EngineConfig(
        model=setup.model,
        devices=setup.devices,
        placement=setup.placement,
        workers=setup.workers,
        quantization="int8",
        kv_cache_tokens=setup.plan.cache_tokens,
        max_waiting_requests=1024,
        max_running_requests=setup.plan.running_per_device,
    )
    backend = InProcessBackend(config, partial(load_faulty, directory))
    started = time.monotonic()
    await backend.start()
    figures[f"{name}_start_seconds"] = round(time.monotonic() - started, 1)
    try:
        client = Client(backend, numbers)
        warm = Load("at_once", 2 * len(setup.devices), setup.plan.prompt_tokens, 8, 0)
        await client.run(warm)
        yield client
    finally:
        await backend.aclose(0)


async def measure_rates(name: str, client: Client, plan: Plan) -> Figures:
    figures: Figures = {}
    for streams in plan.streams:
        found = await client.run(Load("at_once", streams, plan.prompt_tokens, plan.max_tokens, 0))
        figures[f"{name}_at_{streams}_tokens_per_second"] = tokens_per_second(found)
        figures[f"{name}_at_{streams}_requests_by_worker"] = by_worker(found, tokens=False)
        figures[f"{name}_at_{streams}_tokens_by_worker"] = by_worker(found, tokens=True)
    return figures


def by_worker(streams: list[Stream], *, tokens: bool) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for stream in streams:
        counts[stream.worker] += stream.tokens if tokens else 1
    return dict(sorted(counts.items()))


def compare(setup: Setup, figures: Figures) -> Figures:
    """All devices with n times as many streams as one, and with as many."""
    ratios: Figures = {}
    for streams in setup.plan.streams:
        ours = figures[f"all_at_{streams}_tokens_per_second"]
        for name, per_device in (("per_device", streams // len(setup.devices)), ("in_all", streams)):
            one = figures.get(f"one_at_{per_device}_tokens_per_second")
            if one:
                ratios[f"all_to_one_at_{streams}_{name}"] = round(float(str(ours)) / float(str(one)), 3)
    return ratios


async def texts(client: Client, plan: Plan) -> list[str]:
    """Of eight requests, one after the other: greedy, so each device must respond alike."""
    found = []
    for number in range(8):
        request = GenerationRequest(
            "benchmark",
            (Message("user", (Text(prompt(plan.prompt_tokens, 990_000 + number)),)),),
            SamplingParams(max_tokens=plan.short_tokens, temperature=0.0),
            fairness_key=str(number),
        )
        found.append("".join([delta.text async for delta in client.backend.generate(request)]))
    return found


async def measure_arrivals(client: Client, setup: Setup) -> Figures:
    plan, workers = setup.plan, len(client.backend.status().workers)
    streams_at_once, prompt_tokens = plan.running_per_device // 2 * workers, min(128, plan.prompt_tokens)
    closed = Load("closed", streams_at_once, prompt_tokens, plan.short_tokens, 0, plan.load_seconds)
    tokens, requests = closed_loop_rates(closed, await client.run(closed))
    poisson = replace(closed, kind="poisson", rate=POISSON_SHARE * requests)
    streams = await client.run(poisson)
    return {
        "load_tokens_per_second": tokens,
        "load_requests_per_second": round(requests, 1),
        "poisson_requests_by_worker": by_worker(streams, tokens=False),
        "poisson_tokens_by_worker": by_worker(streams, tokens=True),
    } | ttft_figures("poisson", streams)


def faults(setup: Setup) -> tuple[str, ...]:
    """An illegal access takes the whole process along: with threads, that is this benchmark."""
    return (KILL, ILLEGAL_ACCESS) if setup.workers == "processes" else (LOSE,)


async def break_one(client: Client, setup: Setup, directory: Path, fault: str) -> Figures:
    """Under load: which requests fail, and how soon all devices serve again."""
    plan, backend = setup.plan, client.backend
    workers = len(backend.status().workers)
    load = Load(
        "closed",
        plan.running_per_device // 4 * workers,
        min(128, plan.prompt_tokens),
        plan.short_tokens,
        0,
        2 * plan.load_seconds,
    )
    running = asyncio.create_task(client.run(load))
    await asyncio.sleep(plan.load_seconds / 4)
    broken_at = time.monotonic()
    break_next(directory, setup.devices[0], fault)
    noticed = await moment_when(lambda: not all(each.healthy for each in backend.status().workers))
    healthy = await moment_when(lambda: all(each.healthy for each in backend.status().workers))
    streams = await running
    while_down = [stream for stream in streams if noticed <= stream.ended <= healthy]
    after = await client.run(replace(load, kind="at_once", streams=2 * workers))
    name = fault.replace(" ", "_")
    return {
        f"{name}_met": is_broken(directory, setup.devices[0]),
        f"{name}_noticed_after_s": round(noticed - broken_at, 2),
        f"{name}_all_serve_again_after_s": round(healthy - noticed, 1),
        f"{name}_requests": len(streams),
        f"{name}_failed": errors(streams),
        f"{name}_served_while_down": sum(not stream.error for stream in while_down),
        f"{name}_served_after_by_worker": by_worker(after, tokens=False),
        f"{name}_errors_after": errors(after),
    }


async def moment_when(condition: Callable[[], bool]) -> float:
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return float("inf")
        await asyncio.sleep(0.002)
    return time.monotonic()


def tell(figures: Figures) -> Figures:
    """Before the next part, which may fail."""
    logging.info("%s", figures)
    return figures
