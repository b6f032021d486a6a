"""The words on top of the page, and when they change."""

import pytest

from app.ops.readiness import Readiness
from app.ops.status_line import StatusLine, status_line
from app.ops.traffic import Traffic
from app.record.request_record import RequestRecord
from app.settings import OpsSettings
from inference import BackendStatus, WorkerStatus

READY = Readiness("ready", "ready", "ready", "ready", "ready")


def workers(*healthy: bool, running: int = 0) -> BackendStatus:
    return BackendStatus(
        tuple(WorkerStatus(str(index), "cpu", is_up, running, 0, 0, 9) for index, is_up in enumerate(healthy))
    )


def traffic(
    ok: int = 0, failed: int = 0, full: int = 0, ttft: float = 0.2, per_token: float = 0.05
) -> Traffic:
    made = Traffic()
    for _ in range(ok):
        record = RequestRecord("req_1", status=200, completion_tokens=3)
        record.first_output_at = record.started_at + ttft
        record.last_output_at = record.first_output_at + 2 * per_token
        made.observe(record, "ok")
    for _ in range(failed):
        made.observe(RequestRecord("req_1", status=500), "failed")
    for _ in range(full):
        made.observe(RequestRecord("req_1", status=503, error_code="overloaded"), "refused")
    return made


def line(
    *, ready: Readiness = READY, status: BackendStatus | None = None, seen: Traffic | None = None
) -> StatusLine:
    return status_line(ready, status or workers(True), seen or Traffic(), OpsSettings())


def test_idle_says_no_requests():
    assert line() == StatusLine("idle", "No requests", "No requests in the last 5 minutes.")


def test_well_says_how_many_and_how_fast():
    assert line(seen=traffic(ok=1)).title == "All is well"
    assert (
        line(seen=traffic(ok=1)).sentence == "1 request in the last 5 minutes; responses start within 200 ms."
    )
    assert line(status=workers(True, running=1)).sentence == "The first responses are in progress."


@pytest.mark.parametrize(
    ("seen", "level", "title"),
    [
        (traffic(ok=20, ttft=1.9), "good", "All is well"),
        (traffic(ok=20, ttft=2.2), "warning", "Slow"),
        (traffic(ok=20, ttft=5.5), "bad", "Slow"),
        (traffic(ok=20, per_token=0.2), "warning", "Slow"),
        (traffic(ok=20, per_token=0.5), "bad", "Slow"),
        (traffic(ok=99, failed=1), "good", "All is well"),
        (traffic(ok=97, failed=3), "warning", "Failing"),
        (traffic(ok=90, failed=10), "bad", "Failing"),
        (traffic(ok=90, full=10), "bad", "Failing"),
    ],
)
def test_thresholds_colour_the_line(seen, level, title):
    assert (line(seen=seen).level, line(seen=seen).title) == (level, title)


def test_failures_are_counted_by_kind():
    sentence = line(seen=traffic(ok=6, failed=1, full=3)).sentence
    assert sentence == (
        "Only 60 % of requests succeed: 1 failed and 3 were refused because the gateway was full "
        "in the last 5 minutes."
    )


def test_a_worker_that_is_down_is_said():
    seen = line(ready=Readiness("degraded", "ready", "ready", "ready", "ready"), status=workers(True, False))
    assert (seen.level, seen.title) == ("warning", "A worker is down")
    assert seen.sentence == "1 of 2 workers is down; the others carry on."


@pytest.mark.parametrize(
    ("ready", "level", "title"),
    [
        (Readiness("unavailable", "ready", "ready", "ready", "ready"), "bad", "Down"),
        (Readiness("ready", "ready", "unavailable", "ready", "ready"), "bad", "Down"),
        (Readiness("ready", "degraded", "ready", "ready", "ready"), "warning", "Degraded"),
        (Readiness("ready", "ready", "degraded", "ready", "ready"), "warning", "Degraded"),
        (Readiness("ready", "ready", "ready", "degraded", "ready"), "warning", "Disk full"),
        (Readiness("ready", "ready", "ready", "ready", "degraded"), "warning", "Media unavailable"),
    ],
)
def test_unavailable_parts_are_named(ready, level, title):
    assert (line(ready=ready).level, line(ready=ready).title) == (level, title)


def test_the_worst_is_said():
    ready = Readiness("unavailable", "degraded", "degraded", "ready", "ready")
    assert line(ready=ready, status=workers(False), seen=traffic(ok=1, ttft=3)).title == "Down"
