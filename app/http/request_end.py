"""What is done once per request, at its end: one log line, the metrics, and usage if it generated."""

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.ops.history import History
from app.ops.logging import log_info
from app.ops.metrics import Metrics
from app.persistence.usage_writer import UsageRecord, UsageWriter
from app.record.request_record import Outcome, RequestRecord

if TYPE_CHECKING:  # its exporter takes memory, and most gateways send nothing
    from app.telemetry.telemetry import Telemetry

logger = logging.getLogger(__name__)


def end_request(
    record: RequestRecord,
    metrics: Metrics,
    history: History,
    usage_writer: UsageWriter,
    telemetry: "Telemetry | None",
) -> None:
    total_seconds = (record.responded_at or time.monotonic()) - record.started_at
    outcome = record.outcome
    metrics.observe(record, outcome, total_seconds)
    history.observe(record, outcome)
    if record.model is not None:
        usage_writer.record(_usage_of(record, outcome, total_seconds))
    if record.trace is not None and telemetry is not None:
        telemetry.end_trace(record, record.trace, outcome)
    log_info(logger, "request", _fields_of(record, outcome, total_seconds))


def _fields_of(record: RequestRecord, outcome: Outcome, total_seconds: float) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "request_id": record.request_id,
        "method": record.method,
        "route": record.route,
        "status": record.status,
        "outcome": outcome,
        "total_ms": round(total_seconds * 1000, 3),
    }
    if record.trace is not None:
        fields["trace_id"] = record.trace.trace_id.hex()
    if record.user_id is not None:
        fields["user_id"] = record.user_id
    if record.error_code is not None:
        fields["error_code"] = record.error_code
    if record.model is not None:
        fields["model"] = record.model
        fields["backend"] = record.backend
        if record.worker is not None:
            fields["worker"] = record.worker
        fields["prompt_tokens"] = record.prompt_tokens
        fields["completion_tokens"] = record.completion_tokens
        if record.is_usage_estimated:
            fields["usage_is_estimated"] = True
        fields["queue_ms"] = round(record.queue_seconds * 1000, 3)
        fields["ttft_ms"] = _milliseconds(record.ttft_seconds)
        fields["finish_reason"] = record.finish_reason
    return fields


def _usage_of(record: RequestRecord, outcome: Outcome, total_seconds: float) -> UsageRecord:
    assert record.user_id is not None
    assert record.model is not None
    return UsageRecord(
        request_id=record.request_id,
        at=datetime.now(UTC),
        user_id=record.user_id,
        route=record.route,
        model=record.model,
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
        queue_ms=round(record.queue_seconds * 1000),
        ttft_ms=_milliseconds(record.ttft_seconds),
        total_ms=round(total_seconds * 1000),
        outcome=outcome,
    )


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
