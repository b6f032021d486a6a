"""How many users a GPU serves: `python -m benchmarks.capacity` (four minutes; `--skip-measuring`: one).

Simulates engines from the times of their steps. First it checks the simulation: with what docs/performance.md
has measured on one and two H200s, and with a curve that it measures here, on a small decoder on the CPU whose
steps it times before and after. Then it searches for the highest rates of requests within given deadlines.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.engine_simulation import Job, Outcome, Speed, percentile, poisson, simulate
from benchmarks.serve_load import Arrival, Completed, ask_engine, under_load
from inference.backends.in_process import InProcessBackend
from inference.devices import count_cores, threads_for
from testbed.hardware import hardware_and_versions
from testbed.reference_decoder import ReferenceDecoder, random_prompt

MS: Final = 1e-3
# AutoGLM-Phone-9B's shape on one H200: docs/performance.md, "Steps alone". The added time is that of a first
# token of a prompt of 128 alone (10.3 ms) beyond its prefill.
H200: Final = Speed(
    step_seconds={
        rows: milliseconds * MS
        for rows, milliseconds in (
            *((1, 2.73), (2, 3.11), (4, 3.20), (8, 3.26), (16, 3.42)),
            *((24, 4.01), (32, 4.11), (48, 4.60), (64, 4.76)),
        )
    },
    prefill_seconds={64: 6.6 * MS, 128: 7.9 * MS, 256: 11.4 * MS, 512: 20.2 * MS},
    max_running=64,
    queued_steps=1,
    added_seconds=2.4 * MS,
)
TOWER_TOKENS: Final = 3_040  # whose prefill takes as long as the vision tower for a screenshot, 120 ms
BATCHES: Final = (1, 2, 4, 8, 16)
PREFILLS: Final = (16, 64, 128)
LOADS: Final = (0.2, 0.4, 0.6, 0.75)  # shares of the capacity
PROMPT_TOKENS: Final = 64
MAX_TOKENS: Final = 32
SECONDS: Final = 25.0
SIMULATED_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Use:
    """What one user does. `every` is seconds between two requests while the user is active."""

    name: str
    prompt_tokens: int
    max_tokens: int
    every: float


@dataclass(frozen=True, slots=True)
class Deadline:
    """Of 95 % of requests, in seconds: the first token, or the whole response."""

    ttft: float
    total: float

    def holds(self, outcomes: Sequence[Outcome]) -> bool:
        return (
            percentile([each.ttft for each in outcomes], 95) <= self.ttft
            and percentile([each.total for each in outcomes], 95) <= self.total
        )


CHAT: Final = Use("chat: 500 tokens in, 300 out", 500, 300, 30.0)
AGENT: Final = Use("agent: screenshot in, 150 out", 3_228 + TOWER_TOKENS, 150, 6.0)
DEADLINES: Final = (Deadline(0.25, 2.0), Deadline(1.0, 5.0), Deadline(5.0, 30.0))


def published_figures() -> list[dict[str, Any]]:
    """Poisson arrivals at 70 % of the capacity; of ranges in docs/performance.md the middle."""
    one = simulate(poisson(0.7 * 8_278 / 512, SIMULATED_SECONDS, 128, 512), H200)
    two = simulate(poisson(0.7 * 139.5, SIMULATED_SECONDS, 128, 64), H200, engines=2)
    rows = [
        ("one H200, first token, p50 ms", 26.0, percentile([each.ttft for each in one], 50) / MS),
        ("one H200, first token, p99 ms", 54.7, percentile([each.ttft for each in one], 99) / MS),
        ("two H200s, first token, p50 ms", 31.0, percentile([each.ttft for each in two], 50) / MS),
        ("two H200s, first token, p99 ms", 68.5, percentile([each.ttft for each in two], 99) / MS),
        ("32 streams, tokens a second", 8_278.0, 32 / H200.step_seconds[32]),
        ("64 streams, tokens a second", 14_025.0, 64 / H200.step_seconds[64]),
    ]
    return [_compared(name, measured, simulated) for name, measured, simulated in rows]


def _compared(name: str, measured: float, simulated: float) -> dict[str, Any]:
    return {
        "what": name,
        "measured": round(measured, 1),
        "simulated": round(simulated, 1),
        "difference": round(simulated / measured - 1, 3),
    }


async def measured_speed(backend: InProcessBackend) -> Speed:
    """Of the engine here, by timing batches and prompts, each by itself."""
    steps, prefills = {}, {}
    for rows in BATCHES:
        moments = await asyncio.gather(
            *(ask_engine(backend, random_prompt(16, rows * 100 + row), MAX_TOKENS) for row in range(rows))
        )
        began, ended = max(each[0] for each in moments), min(each[-1] for each in moments)
        steps[rows] = (ended - began) / (MAX_TOKENS - 2)
    for tokens in PREFILLS:
        waits = []
        for attempt in range(5):
            asked_at = time.monotonic()
            waits.append(
                (await ask_engine(backend, random_prompt(tokens, attempt + tokens), 1))[0] - asked_at
            )
        prefills[tokens] = statistics.median(waits)
    return Speed(steps, prefills, max(BATCHES), queued_steps=0)


def mean_speed(first: Speed, second: Speed) -> Speed:
    def mean(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
        return {key: (one[key] + other[key]) / 2 for key in one}

    return replace(
        first,
        step_seconds=mean(first.step_seconds, second.step_seconds),
        prefill_seconds=mean(first.prefill_seconds, second.prefill_seconds),
    )


def capacity_of(speed: Speed) -> float:
    """Requests of the curve a second: a full batch, with the prompts that it needs meanwhile."""
    full = max(BATCHES)
    return full / (MAX_TOKENS * speed.step_seconds[full] + full * speed.prefill_seconds[PROMPT_TOKENS])


async def measured_curve(backend: InProcessBackend) -> list[dict[str, Any]]:
    """Median seconds at several rates, measured and simulated. The steps are timed around each point."""
    rows = []
    before = await measured_speed(backend)
    for load in LOADS:
        rate = load * capacity_of(before)
        jobs = poisson(rate, SECONDS, PROMPT_TOKENS, MAX_TOKENS, seed=int(load * 100))
        completed = await _serve(backend, jobs)
        after = await measured_speed(backend)
        simulated = simulate(jobs, mean_speed(before, after))
        before = after
        for name, ours, theirs in (
            ("ttft", [each.ttft for each in completed], [each.ttft for each in simulated]),
            ("total", [each.e2e for each in completed], [each.total for each in simulated]),
        ):
            what = f"CPU, {rate:.1f} requests/s ({load:.0%}), {name}, p50 ms"
            rows.append(_compared(what, statistics.median(ours) / MS, statistics.median(theirs) / MS))
    return rows


async def _serve(backend: InProcessBackend, jobs: Sequence[Job]) -> list[Completed]:
    arrivals = [
        Arrival(job.at, random_prompt(job.prompt_tokens, 10_000 + number), job.max_tokens)
        for number, job in enumerate(jobs)
    ]
    completed, _ = await under_load(arrivals, lambda prompt, count: ask_engine(backend, prompt, count))
    return completed


async def measure_here() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        backend = ReferenceDecoder.write(Path(directory)).backend("none")
        await backend.start()
        torch.set_num_threads(threads_for(count_cores()))
        try:
            await measured_speed(backend)  # warms up
            return await measured_curve(backend)
        finally:
            await backend.aclose(0)


def highest_rate(use: Use, deadline: Deadline, speed: Speed = H200) -> float:
    """Requests a second that one GPU serves within the deadline; 0 if it serves none."""
    low, high = 0.0, 64.0 / (use.max_tokens * speed.step_seconds[64])
    for _ in range(7):
        rate = (low + high) / 2
        jobs = poisson(
            rate, max(SIMULATED_SECONDS / 2, 200 / rate), use.prompt_tokens, use.max_tokens, seed=1
        )
        if deadline.holds(simulate(jobs, speed)):
            low = rate
        else:
            high = rate
    return low


def users_per_gpu() -> list[dict[str, Any]]:
    rows = []
    for use in (CHAT, AGENT):
        for deadline in DEADLINES:
            rate = highest_rate(use, deadline)
            rows.append(
                {
                    "use": use.name,
                    **asdict(deadline),
                    "requests_per_second": round(rate, 2),
                    "active_users": round(rate * use.every),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-measuring", action="store_true", help="nothing is measured here")
    arguments = parser.parse_args()
    checks = published_figures()
    if not arguments.skip_measuring:
        checks += asyncio.run(measure_here())
    users = users_per_gpu()
    print_table("The simulation beside what was measured", checks)
    print_table("One H200, deadlines of 95 % of requests in seconds", users)
    print(json.dumps({"checks": checks, "users": users, **hardware_and_versions("simpy", "torch")}))


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(*(name.replace("_", " ") for name in rows[0]), title=title)
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int | float) else value for value in row.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
