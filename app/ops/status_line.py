"""The state of the gateway in one line: a level, a title, a sentence.

Looks at the last five minutes and at how the parts are now. Does not depend on the page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from app.ops.readiness import Readiness
from app.ops.traffic import Measures, Traffic
from app.settings import OpsSettings
from inference import BackendStatus

WINDOW_SECONDS: Final = 300.0
TWO_MINUTES: Final = 120  # seconds
LONG_WAIT_SECONDS: Final = 10.0  # below, one digit after the point

Level = Literal["good", "idle", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class StatusLine:
    level: Level
    title: str
    sentence: str


def ttft_level(measures: Measures, thresholds: OpsSettings) -> Level:
    return _level_above(measures.ttft_p95, thresholds.ttft_warning_seconds, thresholds.ttft_bad_seconds)


def speed_level(measures: Measures, thresholds: OpsSettings) -> Level:
    value = measures.tokens_per_second_each
    return _level_below(value, thresholds.tokens_per_second_warning, thresholds.tokens_per_second_bad)


def success_level(measures: Measures, thresholds: OpsSettings) -> Level:
    value = measures.success_rate
    return _level_below(value, thresholds.success_rate_warning, thresholds.success_rate_bad)


def status_line(
    readiness: Readiness,
    status: BackendStatus,
    traffic: Traffic,
    thresholds: OpsSettings,
    missing: Sequence[tuple[str, float]] = (),
) -> StatusLine:
    """The worst that there is to say; the first of several that are equally bad.

    `missing` are gateways that should report, and the seconds since they last did.
    """
    lines = [*_troubles(readiness, status, traffic, thresholds), *_missing_lines(missing)]
    for level in ("bad", "warning"):
        for line in lines:
            if line.level == level:
                return line
    if traffic.requests or status.running or status.waiting:
        return StatusLine("good", "All is well", _summary(traffic))
    return StatusLine("idle", "No requests", "No requests in the last 5 minutes.")


def _troubles(
    readiness: Readiness, status: BackendStatus, traffic: Traffic, thresholds: OpsSettings
) -> Iterator[StatusLine]:
    measures = Measures.of(traffic)
    if readiness.model == "unavailable":
        yield StatusLine("bad", "Down", "The model is not available: every request is refused.")
    if readiness.limiter == "unavailable":
        yield StatusLine("bad", "Down", "Redis is unavailable: every request is refused.")
    if (level := success_level(measures, thresholds)) in ("warning", "bad"):
        yield StatusLine(level, "Failing", _failures(traffic, measures))
    if readiness.model == "degraded":
        down = sum(not worker.healthy for worker in status.workers)
        total = len(status.workers)
        sentence = f"{down} of {total} workers {'is' if down == 1 else 'are'} down; the others carry on."
        yield StatusLine("warning", "A worker is down" if down == 1 else "Workers are down", sentence)
    if (level := ttft_level(measures, thresholds)) in ("warning", "bad"):
        seconds = _seconds(measures.ttft_p95)
        yield StatusLine(level, "Slow", f"Responses start late, up to {seconds} after the request.")
    if (level := speed_level(measures, thresholds)) in ("warning", "bad"):
        speed = f"{measures.tokens_per_second_each:.1f}"
        yield StatusLine(level, "Slow", f"Responses are slow: {speed} tokens a second each.")
    if readiness.database == "degraded":
        sentence = "The database is unavailable: tokens keep working, and usage is written later."
        yield StatusLine("warning", "Degraded", sentence)
    if readiness.usage == "degraded":
        sentence = "The disk is full or read-only: usage is kept in memory, up to a bound."
        yield StatusLine("warning", "Disk full", sentence)
    if readiness.media == "degraded":
        sentence = (
            "No process that decodes media can be started: images and recordings get 503, text still works."
        )
        yield StatusLine("warning", "Media unavailable", sentence)
    if readiness.limiter == "degraded":
        sentence = "Redis is unavailable: limits hold for each gateway by itself."
        yield StatusLine("warning", "Degraded", sentence)


def _missing_lines(missing: Sequence[tuple[str, float]]) -> Iterator[StatusLine]:
    for name, seconds_ago in missing[:1]:
        more = f" {len(missing)} gateways are missing." if len(missing) > 1 else ""
        since = f"{seconds_ago / 60:.0f} minutes" if seconds_ago >= TWO_MINUTES else f"{seconds_ago:.0f} s"
        sentence = f"{name} has not reported for {since}: it has ended, or cannot reach Redis.{more}"
        yield StatusLine("warning", "A gateway is missing", sentence)


def _failures(traffic: Traffic, measures: Measures) -> str:
    parts = []
    if traffic.failed:
        parts.append(f"{traffic.failed} failed")
    if traffic.turned_away:
        parts.append(f"{traffic.turned_away} were refused because the gateway was full")
    share = f"{100 * (measures.success_rate or 0):.0f} %"
    return f"Only {share} of requests succeed: {' and '.join(parts)} in the last 5 minutes."


def _summary(traffic: Traffic) -> str:
    number = traffic.requests
    if not number:
        return "The first responses are in progress."
    sentence = f"{number} request{'' if number == 1 else 's'} in the last 5 minutes"
    ttft = traffic.ttft_seconds.quantile(0.95)
    return f"{sentence}." if ttft is None else f"{sentence}; responses start within {_seconds(ttft)}."


def _seconds(value: float | None) -> str:
    assert value is not None
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < LONG_WAIT_SECONDS else f"{value:.0f} s"


def _level_above(value: float | None, warning: float, bad: float) -> Level:
    if value is None:
        return "idle"
    return "bad" if value >= bad else "warning" if value >= warning else "good"


def _level_below(value: float | None, warning: float, bad: float) -> Level:
    if value is None:
        return "idle"
    return "bad" if value < bad else "warning" if value < warning else "good"
