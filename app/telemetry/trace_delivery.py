"""Delivers spans to the collector, again and again while it is unavailable.

The SDK's exporter would drop a batch after ten seconds, without counting it.
"""

import threading
from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from app.telemetry.collector_session import CollectorSession
from app.telemetry.spans import is_of_request, weight_of

FIRST_PAUSE_SECONDS: Final = 1.0  # after a failed delivery; doubles up to the next
LONGEST_PAUSE_SECONDS: Final = 30.0


class TraceDelivery(SpanExporter):
    """Called by the batch processor, one batch at a time. Its counts may be read in any thread."""

    def __init__(self, exporter: OTLPSpanExporter, session: CollectorSession) -> None:
        self._exporter = exporter
        self._session = session
        self._is_closing = threading.Event()
        self.delivered = 0  # traces
        self.dropped = 0
        self.finished_weight = 0  # of spans that wait no longer, delivered or not

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Return when the batch is delivered or refused, or once more attempted after `stop_retrying`."""
        pause = FIRST_PAUSE_SECONDS
        self._attempt(spans)
        while self._session.outcome == "unavailable" and not self._is_closing.is_set():
            self._is_closing.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._attempt(spans)
        traces = sum(map(is_of_request, spans))
        is_delivered = self._session.outcome == "delivered"
        if is_delivered:
            self.delivered += traces
        else:
            self.dropped += traces
        self.finished_weight += weight_of(spans)
        return SpanExportResult.SUCCESS if is_delivered else SpanExportResult.FAILURE

    def _attempt(self, spans: Sequence[ReadableSpan]) -> None:
        self._session.outcome = "refused"  # stays so if the exporter cannot encode them
        self._exporter.export(spans)

    def stop_retrying(self) -> None:
        self._is_closing.set()

    def shutdown(self) -> None:
        """Refuse further batches. May be called twice."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the library's omission
