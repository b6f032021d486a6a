"""The engine under load, beside transformers' continuous batching: `python -m benchmarks.serve_load`.

The same weights and the same Poisson arrivals for both, in turns: times to the first token, between
tokens and to the end, and goodput. Then, of the engine alone: two users of equal demand of whom one
came in a burst, and resident memory over ten thousand requests (about eight minutes in all).
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.continuous_batching import SIZES, continuous_batching
from inference.backends.in_process import InProcessBackend
from inference.devices import count_cores, threads_for
from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions
from testbed.reference_decoder import ReferenceDecoder, random_prompt, request

PROMPT_TOKENS = (16, 96)
NEW_TOKENS = (8, 40)
GOOD_TTFT_SECONDS = 0.5
GOOD_ITL_SECONDS = 0.1  # mean of a response
PERCENTILES = (50, 90, 99)
BURST = 80  # requests of each user
RUNNING = 16
BURST_TOKENS = 24
SOAK_CONNECTIONS = 32
PACKAGES = ("torch", "transformers")

Ask = Callable[[list[int], int], Awaitable[list[float]]]  # prompt, max_tokens -> when each token came


@dataclass(frozen=True, slots=True)
class Arrival:
    """`after` is seconds behind the beginning of the load."""

    after: float
    prompt: list[int]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Completed:
    """All in seconds since the request arrived."""

    ttft: float
    gaps: list[float]
    e2e: float

    @property
    def is_good(self) -> bool:
        return self.ttft <= GOOD_TTFT_SECONDS and statistics.fmean(self.gaps or [0.0]) <= GOOD_ITL_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=4.0, help="requests a second, as a Poisson process")
    parser.add_argument("--requests", type=int, default=100, help="a round, to each")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--soak", type=int, default=10_000, help="requests while memory is watched")
    parser.add_argument("--threads", type=int, default=threads_for(count_cores()), help="of torch, for both")
    parser.add_argument(
        "--as-it-comes",
        action="store_true",
        help="continuous batching as its defaults have it, from a cold start: takes most memory",
    )
    parser.add_argument("--quantization", default="int8", choices=["int8", "none"], help="of the engine")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as directory:
        decoder = ReferenceDecoder.write(Path(directory))
        figures = asyncio.run(measure(decoder, arguments))
    print_figures("The engine under load, 15.7 M parameters, CPU", figures)
    print(json.dumps(figures | vars(arguments) | {"hardware": hardware_and_versions(*PACKAGES)}))


async def measure(decoder: ReferenceDecoder, arguments: argparse.Namespace) -> dict[str, Any]:
    backend = decoder.backend(arguments.quantization)
    await backend.start()
    torch.set_num_threads(arguments.threads)
    try:
        figures = await beside_continuous_batching(decoder, backend, arguments)
        figures |= await two_users(backend)
        figures |= await soak(backend, arguments.soak)
        figures["blocks_held_at_the_end"] = sum(worker.kv_used for worker in backend.status().workers)
    finally:
        await backend.aclose(0)
    return figures


async def beside_continuous_batching(
    decoder: ReferenceDecoder, backend: InProcessBackend, arguments: argparse.Namespace
) -> dict[str, Any]:
    ours: list[Completed] = []
    theirs: list[Completed] = []
    seconds = [0.0, 0.0]
    ratios: list[float] = []
    for number in range(arguments.rounds):
        load = arrivals(arguments.requests, arguments.rate, arguments.seed + number)
        completed, took = await under_load(load, lambda prompt, count: ask_engine(backend, prompt, count))
        ours += completed
        seconds[0] += took
        with continuous_batching(decoder, **({} if arguments.as_it_comes else SIZES)) as batching:
            if not arguments.as_it_comes:
                await batching.ask(load[0].prompt, 4)
            others, took = await under_load(load, batching.ask)
        theirs += others
        seconds[1] += took
        ours_p99, theirs_p99 = (
            _percentile([each.ttft for each in all_of], 99) for all_of in (completed, others)
        )
        ratios.append(ours_p99 / theirs_p99)
    return (
        describe("engine", ours, seconds[0])
        | describe("continuous_batching", theirs, seconds[1])
        | {"ttft_p99_to_continuous_batching": round(statistics.median(ratios), 3)}
    )


def arrivals(count: int, rate: float, seed: int) -> list[Arrival]:
    chance = random.Random(seed)
    load = []
    after = 0.0
    for number in range(count):
        after += chance.expovariate(rate)
        prompt = random_prompt(chance.randint(*PROMPT_TOKENS), seed * 100_000 + number)
        load.append(Arrival(after, prompt, chance.randint(*NEW_TOKENS)))
    return load


async def under_load(load: list[Arrival], ask: Ask) -> tuple[list[Completed], float]:
    """Asks each when it is due, however busy the others are; returns what happened, and the seconds."""
    started = time.monotonic()

    async def one(arrival: Arrival) -> Completed:
        due = started + arrival.after
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        moments = await ask(arrival.prompt, arrival.max_tokens)
        return Completed(moments[0] - due, np.diff(moments).tolist(), moments[-1] - due)

    completed = await asyncio.gather(*map(one, load))
    return completed, time.monotonic() - started


async def ask_engine(
    backend: InProcessBackend, prompt: list[int], max_tokens: int, user: str | None = None
) -> list[float]:
    user = str(prompt[:4]) if user is None else user
    moments = []
    async for delta in backend.generate(request(prompt, max_tokens, user)):
        moments += [time.monotonic()] * len(delta.text)  # a character is a token
    return moments


def describe(name: str, completed: list[Completed], seconds: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    times = {
        "ttft": [each.ttft for each in completed],
        "itl": [gap for each in completed for gap in each.gaps],
        "e2e": [each.e2e for each in completed],
    }
    for kind, values in times.items():
        for percentile in PERCENTILES:
            figures[f"{name}_{kind}_p{percentile}_ms"] = round(_percentile(values, percentile) * 1000, 1)
    figures[f"{name}_goodput_per_second"] = round(sum(each.is_good for each in completed) / seconds, 2)
    figures[f"{name}_good_share"] = round(sum(each.is_good for each in completed) / len(completed), 3)
    return figures


async def two_users(backend: InProcessBackend) -> dict[str, Any]:
    """Tokens of each while both ask for more than there is; the second comes when the first's burst runs."""
    tokens = {"early": 0, "late": 0}
    completed = {"early": 0, "late": 0}
    is_over = asyncio.Event()

    async def generate(user: str, number: int) -> None:
        prompt = random_prompt(32, number)
        async for delta in backend.generate(request(prompt, BURST_TOKENS, user)):
            if not is_over.is_set():
                tokens[user] += len(delta.text)
        completed[user] += 1
        if completed[user] > BURST - RUNNING:
            is_over.set()

    async def burst(user: str, first: int) -> None:
        await asyncio.gather(*(generate(user, first + number) for number in range(BURST)))

    early = asyncio.create_task(burst("early", 0))
    while not backend.status().running:  # noqa: ASYNC110 - a status has no event
        await asyncio.sleep(0)
    late = asyncio.create_task(burst("late", BURST))
    while not backend.status().waiting >= BURST:  # noqa: ASYNC110 - likewise
        await asyncio.sleep(0)
    while tokens["late"] == 0:  # noqa: ASYNC110 - what ran before it came is not shared
        await asyncio.sleep(0)
    tokens["early"] = 0
    await asyncio.gather(early, late)
    return {
        "tokens_of_early_and_late_user": (tokens["early"], tokens["late"]),
        "late_to_early": round(tokens["late"] / tokens["early"], 3),
    }


async def soak(backend: InProcessBackend, count: int) -> dict[str, Any]:
    chance = random.Random(count)
    numbers = iter(range(count))
    marks = {count // 10: "warm", count // 2: "half", count - 1: "all"}
    resident: dict[str, float] = {}

    async def connection() -> None:
        for number in numbers:
            prompt = random_prompt(chance.randint(8, 64), 1_000_000 + number)
            moments = await ask_engine(backend, prompt, chance.randint(1, 6))
            assert moments
            if number in marks:
                resident[f"resident_mib_{marks[number]}"] = round(
                    psutil.Process().memory_info().rss / 2**20, 1
                )

    started = time.monotonic()
    await asyncio.gather(*(connection() for _ in range(SOAK_CONNECTIONS)))
    return resident | {"soak_requests": count, "soak_seconds": round(time.monotonic() - started, 1)}


def _percentile(values: list[float], percentile: float) -> float:
    return float(np.percentile(values, percentile))


if __name__ == "__main__":
    main()
