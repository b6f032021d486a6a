"""Interactive and batch requests on one engine, alone and while the other floods it.

`python -m benchmarks.priorities` runs the included model on the CPU, in int8. It shows how little interactive
requests notice of a flood of batch requests, and that batch goes on under a flood of interactive ones.
"""

import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from inference import (
    Backend,
    BackendConfig,
    EngineConfig,
    GenerationRequest,
    Message,
    Priority,
    QueueFull,
    SamplingParams,
    Text,
    build_backend,
)
from testbed.hardware import hardware_and_versions

SEED = 20
MAX_RUNNING = 8
SECONDS = 20.0  # for each phase
TOKENS: dict[Priority, int] = {"interactive": 12, "batch": 64}
PROMPT = "Open the settings, turn on the flashlight, and tell me what the weather will be tomorrow. "
PHASES: tuple[tuple[str, int, int], ...] = (  # name, interactive clients, batch clients
    ("interactive alone", 2, 0),
    ("interactive, batch flood", 2, 40),
    ("batch alone", 0, 16),
    ("batch, interactive flood", 40, 16),
)


@dataclass
class Tally:
    """Of one priority in one phase. `first_tokens` are seconds."""

    first_tokens: list[float] = field(default_factory=list)
    responses: int = 0
    tokens: int = 0
    refused: int = 0

    def quantile(self, share: float) -> float:
        ordered = sorted(self.first_tokens)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def client(backend: Backend, name: str, priority: Priority, tally: Tally, ends_at: float) -> None:
    """Sends one request after the other, each with a prompt of its own."""
    number = 0
    while time.monotonic() < ends_at:
        number += 1
        request = GenerationRequest(
            f"{name}-{number}",
            (Message("user", (Text(f"{number} {name} {PROMPT * 2}"),)),),
            SamplingParams(max_tokens=TOKENS[priority], temperature=1.0, seed=SEED + number),
            fairness_key=name,
            priority=priority,
            deadline=ends_at + 60,
        )
        sent_at = time.monotonic()
        tokens = 0
        try:
            async for delta in backend.generate(request):
                if delta.has_output and not tokens:
                    tally.first_tokens.append(time.monotonic() - sent_at)
                if delta.usage is not None:
                    new = delta.usage.completion_tokens - tokens
                    tokens = delta.usage.completion_tokens
                    tally.tokens += new if time.monotonic() < ends_at else 0
        except QueueFull as error:
            tally.refused += 1
            await asyncio.sleep(error.retry_after_seconds or 1)
            continue
        tally.responses += 1


async def measure(backend: Backend, interactive: int, batch: int) -> dict[Priority, Tally]:
    tallies: dict[Priority, Tally] = {"interactive": Tally(), "batch": Tally()}
    ends_at = time.monotonic() + SECONDS
    counts: dict[Priority, int] = {"interactive": interactive, "batch": batch}
    async with asyncio.TaskGroup() as clients:
        for priority, count in counts.items():
            for index in range(count):
                name = f"{priority} {index}"
                clients.create_task(client(backend, name, priority, tallies[priority], ends_at))
    return tallies


async def run() -> list[dict[str, object]]:
    config = EngineConfig(max_running_requests=MAX_RUNNING, max_waiting_requests=48, quantization="int8")
    backend = build_backend(BackendConfig(engine=config))
    await backend.start()
    try:
        await measure_warm_up(backend)
        rows: list[dict[str, object]] = []
        for phase, interactive, batch in PHASES:
            for priority, tally in (await measure(backend, interactive, batch)).items():
                if not tally.responses and not tally.refused:
                    continue
                rows.append(
                    {
                        "phase": phase,
                        "priority": priority,
                        "ttft_p50_ms": round(1000 * statistics.median(tally.first_tokens), 1),
                        "ttft_p95_ms": round(1000 * tally.quantile(0.95), 1),
                        "tokens_per_second": round(tally.tokens / SECONDS, 1),
                        "responses": tally.responses,
                        "refused": tally.refused,
                    }
                )
        return rows
    finally:
        await backend.aclose(0)


async def measure_warm_up(backend: Backend) -> None:
    tally = Tally()
    ends_at = time.monotonic() + 2
    await asyncio.gather(*(client(backend, f"warm {each}", "batch", tally, ends_at) for each in range(4)))


def main() -> None:
    rows = asyncio.run(run())
    table = Table("phase", "priority", "TTFT p50", "TTFT p95", "tokens/s", "responses", "refused")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=120).print(table)
    settings = {"seed": SEED, "seconds": SECONDS, "max_running": MAX_RUNNING, "max_tokens": TOKENS}
    print(
        json.dumps(
            {"benchmark": "priorities", **settings, "rows": rows, "hardware": hardware_and_versions("torch")}
        )
    )


if __name__ == "__main__":
    main()
