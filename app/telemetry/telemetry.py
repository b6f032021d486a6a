"""Traces and metrics on their way out: who is traced, what waits, and the two tasks that send it.

Knows neither OpenTelemetry's messages (the encoder does) nor how they are sent (the client does).
"""

import asyncio
import logging
import random
from collections.abc import Iterable
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from app.record.request_record import Outcome, RequestRecord
from app.record.request_trace import RequestTrace
from app.record.trace_context import proxy_seconds_of, trace_context_of
from app.settings import TelemetrySettings
from app.telemetry.otlp_client import OTLPClient
from app.telemetry.outbox import Outbox

logger = logging.getLogger(__name__)

GATHERING_SECONDS: Final = 1.0  # how long a trace waits for others
FIRST_PAUSE_SECONDS: Final = 1.0  # after a failed delivery; doubles up to the next
LONGEST_PAUSE_SECONDS: Final = 30.0
LAST_SECONDS: Final = 3.0  # for what still waits when the gateway stops
UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds, by machines


class Encoder(Protocol):
    """`app.telemetry.encoder.OTLPEncoder`: serialised OTLP requests, which may be joined to larger ones."""

    def trace(self, record: RequestRecord, trace: RequestTrace, outcome: Outcome) -> bytes: ...
    def metrics(self, families: Iterable[Metric]) -> bytes: ...


class Telemetry(Collector):
    """Created and closed by `app/lifespan.py`; used from the event loop's thread alone."""

    def __init__(
        self,
        settings: TelemetrySettings,
        encoder: Encoder,
        registry: Collector,
    ) -> None:
        self._settings = settings
        self._encoder = encoder
        self._registry = registry
        self._client = OTLPClient(settings)
        self._outbox = Outbox()
        self._delivered = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    def start(self) -> None:
        self._tasks.append(asyncio.create_task(self._send_traces()))
        if self._settings.metrics:
            seconds = self._settings.metrics_interval.total_seconds()
            self._tasks.append(asyncio.create_task(self._send_metrics_every(seconds)))

    async def aclose(self) -> None:
        """Sends what waits, once and not for long. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self.flush()
        except TimeoutError:
            logger.warning("telemetry that still waited is lost")
        finally:
            await self._client.aclose()

    async def flush(self) -> None:
        """Sends what waits and how things are now, without trying again."""
        await self._deliver_all()
        if self._settings.metrics:
            await self._send_metrics()

    def begin_trace(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> RequestTrace | None:
        """None for a request that is not recorded."""
        if path in UNTRACED or random.random() >= self._settings.trace_ratio:  # noqa: S311 - no secret
            return None
        return RequestTrace(trace_context_of(headers), proxy_seconds_of(headers))

    def end_trace(self, record: RequestRecord, trace: RequestTrace, outcome: Outcome) -> None:
        if self._outbox.is_full:
            self._outbox.dropped += 1  # encoding it would be for nothing
        else:
            self._outbox.put(self._encoder.trace(record, trace, outcome))

    def collect(self) -> Iterable[Metric]:
        for name, documentation, value in (
            ("gateway_traces_delivered", "Traces that the collector took", self._delivered),
            (
                "gateway_traces_dropped",
                "Traces lost: the collector was away or refused them",
                self._outbox.dropped,
            ),
        ):
            counter = CounterMetricFamily(name, documentation)
            counter.add_metric((), float(value))
            yield counter

    async def _send_traces(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            await self._outbox.wait()
            await asyncio.sleep(GATHERING_SECONDS)
            if await self._deliver_all():
                pause = FIRST_PAUSE_SECONDS
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _deliver_all(self) -> bool:
        """Batch by batch, as more may come in a second than one holds. False: the collector is away."""
        while batch := self._outbox.take():
            if not await self._deliver(batch):
                return False
        return True

    async def _deliver(self, batch: list[bytes]) -> bool:
        """False: the collector is away, and the batch waits again."""
        try:
            delivery = await self._client.send("traces", b"".join(batch))
        except asyncio.CancelledError:
            self._outbox.put_back(batch)
            raise
        match delivery:
            case "delivered":
                self._delivered += len(batch)
            case "never":
                self._outbox.dropped += len(batch)
            case "later":
                self._outbox.put_back(batch)
        return delivery != "later"

    async def _send_metrics_every(self, seconds: float) -> None:
        """They are sums since the start: what could not be sent is in the next ones."""
        while True:
            await asyncio.sleep(seconds)
            await self._send_metrics()

    async def _send_metrics(self) -> None:
        await self._client.send("metrics", self._encoder.metrics(self._registry.collect()))
