"""Runs a family's faults under load, one after the other, and says what each of them cost."""

import asyncio
import contextlib
import math
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.faults.fault import Family, Fault, Site, nothing
from benchmarks.faults.load import KINDS, Kind, Load, Sent
from benchmarks.faults.watch import Watch

USERS: Final = 4
STEADY_SHARE: Final = 0.7  # of the rate before, from which a second is healthy again
LONGEST_RECOVERY_SECONDS: Final = 30.0
STEP_SECONDS: Final = 0.1

Windows = list[tuple[float, float]]
"""Times of the monotonic clock, in seconds: from, until."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of load before each fault, of a fault at most, and between requests that look for stalls."""

    before: float = 2.0
    longest: float = math.inf
    beat: float = 0.005
    rounds: float = math.inf
    steady_share: float = STEADY_SHARE


FULL: Final = Pace()
SHORT: Final = Pace(before=0.2, longest=1.2, beat=0.1, rounds=1, steady_share=0.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. Memory in MiB, of the gateway and (PSS) of its decoding processes."""

    family: str
    fault: str
    held: float  # right responses a second during the fault, as a share of those before
    in_flight: int  # when it was injected
    lost: dict[str, int]  # by where the response ended
    wrong: int
    refused: dict[str, int]  # by code
    unreachable: int
    readiness: str  # what was not ready meanwhile
    longest_stall_seconds: float
    recovery_seconds: float | None  # None: not within the time that was waited
    memory_before: float
    memory_peak: float
    memory_after: float
    children_peak: float
    chat_ms_before: tuple[float, float]  # p50 and p95
    chat_ms: tuple[float, float]
    vision_p95_ms: float
    restarts: int  # that the fault itself does not make
    wrong_examples: list[str]
    note: str


async def measure_family(family: Family, pace: Pace, *, is_short: bool, only: str = "") -> AsyncIterator[Row]:
    """Raises `MissingServer`."""
    with _open_directory() as directory:
        async with family.open(directory) as site:
            tokens = [(await site.gateway.issue(f"load{number}"))[1] for number in range(USERS)]
            load = Load(site.gateway.port, tokens, site.shape, site.expect)
            watch = Watch(site.gateway.port, lambda: site.gateway.process_id, pace.beat)
            async with watch.running():
                load.start()
                try:
                    await _until_steady(load, watch, time.monotonic())
                    for fault in site.faults:
                        if only in fault.name and (fault.is_short or not is_short):
                            yield await _measure(family, fault, site, load, watch, pace)
                finally:
                    await load.stop()


@contextlib.contextmanager
def _open_directory() -> Iterator[Path]:
    """In which PostgreSQL, another user, finds its own."""
    with tempfile.TemporaryDirectory(prefix="gateway-faults-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def _measure(family: Family, fault: Fault, site: Site, load: Load, watch: Watch, pace: Pace) -> Row:
    starts = site.gateway.starts
    process_id = site.gateway.process_id
    quiet: Windows = []
    faulty: Windows = []
    for _ in range(int(min(fault.rounds, pace.rounds))):
        began = time.monotonic()
        await asyncio.sleep(pace.before)
        quiet.append((began, time.monotonic()))
        in_flight = len(load.running)
        injected, faulty_until = await _inject(fault, pace)
        faulty.append((injected, faulty_until))
        await fault.mend()
    mended = _mended(fault, injected, faulty_until, time.monotonic())
    steady_rate = pace.steady_share * _rate(load, quiet)
    healthy = await _until_steady(load, watch, mended, steady_rate)
    await _until_ended(load, time.monotonic())
    began, injected, ended = quiet[0][0], faulty[0][0], time.monotonic()
    note = await fault.note(_sent(load, [(0, faulty_until)])) if fault.note else ""
    verdicts = [sent.verdict for sent in _sent(load, [(injected, ended)])]
    memory = watch.memory_between(injected, ended) or watch.memory[-1:]
    memory_before = watch.memory_between(began, injected) or memory
    has_moved = site.gateway.process_id != process_id and not fault.restarts
    rate_before = _rate(load, quiet)
    return Row(
        family=family.title,
        fault=fault.name,
        held=round(_rate(load, faulty) / rate_before, 2) if rate_before else 0.0,
        in_flight=in_flight,
        lost=dict(Counter(verdict.code for verdict in verdicts if verdict.outcome == "lost")),
        wrong=sum(verdict.outcome == "wrong" for verdict in verdicts),
        refused=dict(Counter(verdict.code for verdict in verdicts if verdict.outcome == "refused")),
        unreachable=sum(verdict.outcome == "unreachable" for verdict in verdicts),
        readiness=watch.unready_parts(injected, ended),
        longest_stall_seconds=round(watch.longest_stall(injected, ended), 3),
        recovery_seconds=None if healthy is None else round(healthy - mended, 1),
        memory_before=round(statistics.median(sample.gateway for sample in memory_before), 1),
        memory_peak=round(max(sample.gateway for sample in memory), 1),
        memory_after=round(memory[-1].gateway, 1),
        children_peak=round(max(sample.children for sample in memory), 1),
        chat_ms_before=_milliseconds(_sent(load, quiet), "chat"),
        chat_ms=_milliseconds(_sent(load, faulty), "chat"),
        vision_p95_ms=_milliseconds(_sent(load, faulty), "vision")[1],
        restarts=site.gateway.starts - starts - fault.restarts + has_moved,
        wrong_examples=sorted({verdict.code[:200] for verdict in verdicts if verdict.outcome == "wrong"})[:5],
        note=note,
    )


async def _inject(fault: Fault, pace: Pace) -> tuple[float, float]:
    """Returns from when and until when the fault was there. An attack's own start is no part of it."""
    before = time.monotonic()
    await fault.inject()
    injected = time.monotonic() if fault.rounds > 1 else before
    await asyncio.sleep(max(0.0, min(fault.seconds, pace.longest) - (time.monotonic() - injected)))
    return injected, time.monotonic()


def _mended(fault: Fault, injected: float, faulty_until: float, now: float) -> float:
    """From when the recovery counts: its own start where the gateway is started, or mends itself."""
    if fault.mend is nothing:
        return injected
    return faulty_until if fault.restarts else now


async def _until_steady(load: Load, watch: Watch, since: float, steady_rate: float = 0.0) -> float | None:
    """Waits for the first second at whose end all is well again, and returns when it began.

    Well: right responses alone, some of each kind, so many a second, and `/readyz` is ready.
    """
    start, latest = since, time.monotonic() + LONGEST_RECOVERY_SECONDS
    while start < latest:
        if time.monotonic() < start + 1:
            await asyncio.sleep(STEP_SECONDS)
            continue
        sent = [one for one in load.sent[-5_000:] if start <= one.ended < start + 1]
        unready = watch.unready_parts(start, start + 1)
        is_right = all(one.verdict.outcome == "right" for one in sent)
        if is_right and not unready and {one.kind for one in sent} == set(KINDS) and len(sent) >= steady_rate:
            return start
        start += STEP_SECONDS
    return None


async def _until_ended(load: Load, began_before: float) -> None:
    """Until every request that began earlier has ended, so that each is counted for its fault."""
    while min(load.running, default=began_before) < began_before:  # noqa: ASYNC110 - it has no event of its own
        await asyncio.sleep(STEP_SECONDS)


def _sent(load: Load, windows: Windows) -> list[Sent]:
    """What ended in them."""
    return [one for one in load.sent if any(since <= one.ended < until for since, until in windows)]


def _rate(load: Load, windows: Windows) -> float:
    right = sum(one.verdict.outcome == "right" for one in _sent(load, windows))
    return right / max(sum(until - since for since, until in windows), 1e-9)


def _milliseconds(sent: list[Sent], kind: Kind) -> tuple[float, float]:
    """p50 and p95 of the right responses."""
    times = sorted(
        (one.ended - one.began) * 1_000 for one in sent if one.kind == kind and one.verdict.outcome == "right"
    )
    if not times:
        return (0.0, 0.0)
    return (round(statistics.median(times), 1), round(times[min(int(len(times) * 0.95), len(times) - 1)], 1))
