"""What was measured: a table, a JSON line, and `docs/reliability.md`."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.faults.measurement import Row
from testbed.hardware import hardware_and_versions

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
COLUMNS: Final = (
    *("fault", "held", "in flight", "lost", "wrong", "refused", "`/readyz`", "longest stall", "recovery"),
    *("memory before", "peak", "after", "decoders"),
)


def cells(row: Row) -> list[str]:
    refused = ", ".join(f"{count} {code}" for code, count in sorted(row.refused.items()))
    if row.unreachable:
        refused = ", ".join(filter(None, (refused, f"{row.unreachable} not connected")))
    recovery = "not seen" if row.recovery_seconds is None else f"{row.recovery_seconds:.1f} s"
    memory = (row.memory_before, row.memory_peak, row.memory_after, row.children_peak)
    return [
        row.fault,
        f"{row.held:.0%}",
        *map(str, (row.in_flight, sum(row.lost.values()), row.wrong)),
        refused or "0",
        row.readiness or "ready",
        f"{row.longest_stall_seconds * 1_000:,.0f} ms",
        recovery,
        *(f"{mib:,.0f}" for mib in memory),
    ]


def print_rows(rows: list[Row]) -> None:
    table = Table(*COLUMNS, title="Faults")
    for row in rows:
        table.add_row(*cells(row))
    Console(width=220).print(table)
    document = {"benchmark": "faults", "rows": [asdict(row) for row in rows], **_where()}
    print(json.dumps(document))


def _where() -> dict[str, object]:
    return hardware_and_versions("fastapi", "uvicorn", "uvloop", "sqlalchemy", "redis", "asyncpg")


def read_rows(path: Path | None) -> list[Row]:
    if path is None or not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def save_row(path: Path | None, row: Row) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def write_document(rows: list[Row]) -> None:
    DOCUMENT.write_text("\n".join(_document(rows)) + "\n")


def _document(rows: list[Row]) -> Iterable[str]:
    yield HEAD.strip() + "\n"
    yield _line(("column", "meaning"))
    yield _line(("---", "---"))
    yield from map(_line, MEANINGS.items())
    for family in dict.fromkeys(row.family for row in rows):
        of_family = [row for row in rows if row.family == family]
        yield f"\n## {family}\n"
        yield _line(COLUMNS)
        yield _line(["---"] * len(COLUMNS))
        yield from (_line(cells(row)) for row in of_family)
        notes = [f"- {row.fault}: {row.note}." for row in of_family if row.note]
        if notes:
            yield "\n" + "\n".join(notes)
        if family.startswith("Hostile media"):
            yield from _victims(of_family)
    yield "\n" + _measured_on()


def _victims(rows: list[Row]) -> Iterable[str]:
    yield f"\n{VICTIMS.strip()}\n"
    columns = ("attack", "`/chat` p50", "without", "`/chat` p95", "without", "ratio of p95", "`/vision` p95")
    yield _line(columns)
    yield _line(["---"] * len(columns))
    for row in rows:
        (p50_before, p95_before), (p50, p95) = row.chat_ms_before, row.chat_ms
        ratio = p95 / p95_before if p95_before else 0.0
        figures = (p50, p50_before, p95, p95_before)
        yield _line([row.fault, *(f"{ms:.0f}" for ms in figures), f"{ratio:.1f}", f"{row.vision_p95_ms:.0f}"])


def _line(values: Iterable[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _measured_on() -> str:
    where = _where()
    versions = where["versions"]
    assert isinstance(versions, dict)
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Measured on {where['processor']} with {where['cores']} cores, {where['system']}, Python "
        f"{where['python']}, {names}. The machine was shared with other work: compare figures within a table."
    )


HEAD: Final = """
# Reliability: what breaks, and what it costs

Each row is one fault, injected into a running gateway under load and mended again. The servers are real:
`gateway serve`, Redis and PostgreSQL on the loopback address of one machine, with scripted replies for a
model except where the embedded model is named. `python -m benchmarks.faults --write` makes this page (about
20 minutes; the clocks need Debian's `libfaketime`). `--family` and `--only` choose faults; `--short` runs the
part that `make test` runs, which fails when a response is lost or wrong. A family that cannot run is left
out, with the reason. `--rows FILE` keeps what was measured, so that an interrupted run can be continued.

The load runs throughout: eight streams, four whole chats and two pictures at a time, of four users, each
request with its own text. The response must be exactly the text that belongs to it.

What lost connections and retries cost is in [Operating](operating.md#capacity).
"""
VICTIMS: Final = """
What another user measures: milliseconds to a whole response, with the attack and without it, in turn five
times. The goals are a ratio of at most 2 and 3,000 ms of `/vision`. The replies come at once here, so the
ratio is that of the gateway's own work on a busy machine; a model takes far longer to speak, with the attack
and without.
"""
MEANINGS: Final = {
    "held": "right responses a second while the fault lasts, compared with before",
    "in flight": "requests that ran when the fault was injected",
    "lost": "requests without a whole response: the connection ended first, or a stream ended without `done` "
    "or `error`",
    "wrong": "responses that are neither right nor a documented error; `internal_error` counts as wrong",
    "refused": "responses with a [documented error](errors.md), by code. "
    "*Not connected*: no server listened, nothing was sent",
    "`/readyz`": "the parts that were not ready, for some time of the fault",
    "longest stall": "the longest time between two responses of `/healthz`, which another process requests "
    "every 5 ms",
    "recovery": "until the first second with right responses alone, at 70 % of the rate, and `/readyz` "
    "ready. Counted from the mending; from the new start of a gateway that was stopped; from the fault where "
    "it mends itself",
    "memory before, peak, after": "MiB of the gateway's process",
    "decoders": "MiB of the processes that decode media, their share of it, at most",
}
