"""Traces and metrics on their way to the collector: which requests are traced, and when what is sent."""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from app.record.request_record import Outcome, RequestRecord
from app.record.request_trace import RequestTrace
from app.record.trace_context import proxy_seconds_of, trace_context_of
from app.settings import TelemetrySettings
from app.telemetry.collector_session import CollectorSession, Signal, certificate_file
from app.telemetry.prometheus_bridge import PrometheusBridge
from app.telemetry.source import Source
from app.telemetry.spans import spans_of, weight_of
from app.telemetry.trace_delivery import TraceDelivery

logger = logging.getLogger(__name__)

GATHERING_SECONDS: Final = 1.0  # how long a trace waits for others
TIMEOUT_SECONDS: Final = 10.0  # of one request to the collector
LAST_SECONDS: Final = 3.0  # for what still waits when the gateway stops
BATCH_SPANS: Final = 512  # some 60 requests
MAX_WAITING: Final = 8192  # spans and their events, some 1,000 requests in 10 MiB
UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics"})  # machines request them every few seconds


class Telemetry(Collector):
    """Created and closed by `app/lifespan.py`; used from the event loop's thread alone.

    Exports run in daemon threads. A collector that hangs can hold one until its request times out, which
    delays neither requests nor the exit of the process.
    """

    def __init__(self, settings: TelemetrySettings, registry: Collector, version: str) -> None:
        self._settings = settings
        self._source = Source.of_this_process(settings.service_name, version)
        self._bridge = PrometheusBridge(registry, self._source)
        session = CollectorSession("traces")
        self._delivery = TraceDelivery(OTLPSpanExporter(**_options(settings, "traces", session)), session)
        self._metric_exporter = OTLPMetricExporter(
            **_options(settings, "metrics", CollectorSession("metrics"))
        )
        self._processor: BatchSpanProcessor
        self._metrics_task: asyncio.Task[None] | None = None
        self._metrics_lock = threading.Lock()  # held while metrics are exported
        self._queued_weight = 0  # of all spans since the start
        self._dropped_when_full = 0
        self._is_closed = False

    def start(self) -> None:
        self._processor = BatchSpanProcessor(
            self._delivery,
            max_queue_size=2 * MAX_WAITING,  # never reached: `end_trace` drops whole traces before
            schedule_delay_millis=GATHERING_SECONDS * 1000,
            max_export_batch_size=BATCH_SPANS,
            export_timeout_millis=TIMEOUT_SECONDS * 1000,
            meter_provider=NoOpMeterProvider(),
        )
        if self._settings.metrics:
            seconds = self._settings.metrics_interval.total_seconds()
            self._metrics_task = asyncio.create_task(self._export_metrics_every(seconds))

    async def aclose(self) -> None:
        """Export what waits, once and not for long. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._metrics_task is not None:
            self._metrics_task.cancel()
        self._delivery.stop_retrying()
        try:
            if not await self._export_last(self._processor.shutdown):
                logger.warning("telemetry that still waited is lost")
        finally:
            self._delivery.shutdown()
            self._metric_exporter.shutdown()

    async def flush(self) -> None:
        """Export what waits, and the metrics as they are now, in at most `LAST_SECONDS`."""
        await self._export_last(self._processor.force_flush)

    def begin_trace(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> RequestTrace | None:
        """Return None for a request that is not recorded."""
        if path in UNTRACED or random.random() >= self._settings.trace_ratio:  # noqa: S311 - no secret
            return None
        return RequestTrace(trace_context_of(headers), proxy_seconds_of(headers))

    def end_trace(self, record: RequestRecord, trace: RequestTrace, outcome: Outcome) -> None:
        """Queue the request's spans, or drop them while the queue is full.

        Those that wait are kept: they are closer to what went wrong.
        """
        if self._queued_weight - self._delivery.finished_weight >= MAX_WAITING:
            self._dropped_when_full += 1
            return
        spans = spans_of(self._source, record, trace, outcome)
        self._queued_weight += weight_of(spans)
        for span in spans:
            self._processor.on_end(span)

    def collect(self) -> Iterable[Metric]:
        dropped = self._dropped_when_full + self._delivery.dropped
        for name, documentation, value in (
            ("gateway_traces_delivered", "Traces that the collector took", self._delivery.delivered),
            ("gateway_traces_dropped", "Traces lost: the collector was unavailable or refused them", dropped),
        ):
            counter = CounterMetricFamily(name, documentation)
            counter.add_metric((), float(value))
            yield counter

    async def _export_metrics_every(self, seconds: float) -> None:
        """They are sums since the start: what could not be delivered is in the next ones."""
        while True:
            await asyncio.sleep(seconds)
            await self._export_metrics()

    async def _export_metrics(self) -> None:
        """Does nothing while an export runs: its thread uses the session."""
        if not self._metrics_lock.acquire(blocking=False):
            return
        export = partial(self._metric_exporter.export, self._bridge.collect())
        await _in_daemon_thread(partial(_export_and_release, export, self._metrics_lock))

    async def _export_last(self, export_traces: Callable[[], object]) -> bool:
        """Return False if `LAST_SECONDS` were not enough."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await _in_daemon_thread(export_traces)
                if self._settings.metrics:
                    await self._export_metrics()
        except TimeoutError:
            return False
        return True


def _options(settings: TelemetrySettings, signal: Signal, session: CollectorSession) -> dict[str, Any]:
    """The arguments of both exporters, each of its own type."""
    return {
        "endpoint": f"{(settings.endpoint or '').rstrip('/')}/v1/{signal}",
        "certificate_file": certificate_file(settings.ca_file),
        "headers": settings.header_values,
        "timeout": TIMEOUT_SECONDS,
        "compression": Compression.NoCompression,
        "session": session,
    }


def _export_and_release(export: Callable[[], object], lock: threading.Lock) -> None:
    try:
        export()
    finally:
        lock.release()


async def _in_daemon_thread(function: Callable[[], object]) -> None:
    """As `asyncio.to_thread`, in a thread that the process does not wait for when it exits."""
    loop, is_done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            function()
        except Exception as error:  # a thread's boundary; the message may quote the collector's address
            logger.error("telemetry was not exported: %s", type(error).__name__)
        finally:
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(is_done.set)

    threading.Thread(target=run, name="telemetry", daemon=True).start()
    await is_done.wait()
