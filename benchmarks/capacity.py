"""How many users a GPU serves: `python -m benchmarks.capacity` (a minute; it measures nothing).

Simulates engines from the times of their steps. First it checks the simulation with what docs/performance.md
has measured on one and two H200s, then it searches for the highest rates of requests within given deadlines.
`python -m benchmarks.latency_curve` compares the simulation with an engine at several rates.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.engine_simulation import Outcome, Speed, percentile, poisson, simulate
from testbed.figures import print_rows
from testbed.hardware import hardware_and_versions

MS: Final = 1e-3
# AutoGLM-Phone-9B's shape on one H200, in ms, by `python -m benchmarks.latency_curve`.
H200_STEP: Final = {1: 2.75, 2: 3.1, 4: 3.19, 8: 3.27, 16: 3.29, 24: 3.8, 32: 3.78, 48: 4.26, 64: 4.34}
H200_PREFILL: Final = {
    **{64: 7.12, 128: 8.55, 256: 12.42, 384: 17.48, 512: 20.96},
    **{768: 37.52, 1_024: 43.08, 2_048: 65.09},
}
H200_HOST: Final = {1: 0.0, 2: 0.07, 4: 0.55, 8: 0.22, 16: 0.61, 24: 1.39, 32: 1.77, 48: 1.58}
H200_DELIVERY: Final = {1: 0.0, 2: 0.01, 4: 0.02, 8: 0.04, 16: 0.06, 24: 0.12, 32: 0.13, 48: 0.22, 64: 0.26}


def in_seconds(milliseconds: Mapping[int, float]) -> dict[int, float]:
    return {number: value * MS for number, value in milliseconds.items()}


H200: Final = Speed(
    step_seconds=in_seconds(H200_STEP),
    prefill_seconds=in_seconds(H200_PREFILL),
    host_seconds=in_seconds(H200_HOST),
    delivery_seconds=in_seconds(H200_DELIVERY),
    max_running=64,
    idle_chunk_tokens=4_096,
    launches_ahead=True,
    has_buckets=True,
    added_seconds=1.05 * MS,
)
# Their prefill beside requests that decode takes as long as the vision tower for a screenshot, 120 ms.
TOWER_TOKENS: Final = 2_930
SIMULATED_SECONDS: Final = 120.0
LOWEST_RATE: Final = 0.02


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
    one = simulate(poisson(30.8, SIMULATED_SECONDS, 128, 128), H200)
    two = simulate(poisson(0.7 * 139.5, SIMULATED_SECONDS, 128, 64), H200, engines=2)
    rows = [
        ("one H200, first token, p50 ms", 26.0, percentile([each.ttft for each in one], 50) / MS),
        ("one H200, first token, p99 ms", 54.7, percentile([each.ttft for each in one], 99) / MS),
        ("two H200s, first token, p50 ms", 31.0, percentile([each.ttft for each in two], 50) / MS),
        ("two H200s, first token, p99 ms", 68.5, percentile([each.ttft for each in two], 99) / MS),
        ("32 streams, tokens a second", 8_278.0, 32 / H200.step_seconds[32]),
        ("64 streams, tokens a second", 14_025.0, 64 / H200.step_seconds[64]),
    ]
    return [compared(name, measured, simulated) for name, measured, simulated in rows]


def compared(name: str, measured: float, simulated: float) -> dict[str, Any]:
    return {
        "what": name,
        "measured": round(measured, 1),
        "simulated": round(simulated, 1),
        "difference": round(simulated / measured - 1, 3),
    }


def highest_rate(use: Use, deadline: Deadline, speed: Speed = H200) -> float:
    """Requests a second that one GPU serves within the deadline; 0 if it serves none."""
    low, high = 0.0, 64.0 / (use.max_tokens * speed.step_seconds[64])
    while high - low > max(0.02 * high, LOWEST_RATE):
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
    checks, users = published_figures(), users_per_gpu()
    print_rows("The simulation beside what was measured", checks)
    print_rows("One H200, deadlines of 95 % of requests in seconds", users)
    print(json.dumps({"checks": checks, "users": users, **hardware_and_versions("simpy")}))


if __name__ == "__main__":
    main()
