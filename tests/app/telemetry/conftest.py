"""A collector on loopback that takes OTLP over HTTP and decodes what it gets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.telemetry.telemetry import Telemetry
from tests.app.conftest import StartGateway
from tests.app.gateway import Gateway, serving

WAIT_SECONDS = 10.0


@dataclass
class CollectorServer:
    """`statuses` are those of its next responses, then it responds with 200."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        status = self.statuses.pop(0) if self.statuses else 200
        self.requests.append(request)
        if status == 200:
            self._take(request.url.path, body)
        self._arrived.set()
        await Response(status_code=status)(scope, receive, send)

    def _take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(attributes_of(resource_spans.resource.attributes))
                for scope_spans in resource_spans.scope_spans:
                    self.spans += scope_spans.spans
        else:
            assert path == "/v1/metrics"
            for resource_metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.resources.append(attributes_of(resource_metrics.resource.attributes))
                for scope_metrics in resource_metrics.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope_metrics.metrics}

    async def until(self, is_there: Callable[[], bool]) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not is_there():
                self._arrived.clear()
                await self._arrived.wait()


def attributes_of(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value_of(pair) for pair in pairs}


def _value_of(pair: KeyValue) -> Any:
    kind = pair.value.WhichOneof("value")
    if kind == "array_value":
        return [item.string_value for item in pair.value.array_value.values]
    return getattr(pair.value, kind)


@pytest.fixture
async def collector() -> AsyncIterator[CollectorServer]:
    server = CollectorServer()
    async with serving(server) as port:
        server.port = port
        yield server


StartTraced = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def start_traced(collector: CollectorServer, start_gateway: StartGateway) -> StartTraced:
    """Starts gateways that send their traces to the collector; keywords are telemetry's or other settings."""

    async def start(telemetry: dict[str, Any] | None = None, **overrides: Any) -> Gateway:
        return await start_gateway(telemetry={"endpoint": collector.url} | (telemetry or {}), **overrides)

    return start


async def flush(gateway: Gateway) -> None:
    """Lets everything out now; the gateway's own end does the same once more."""
    telemetry = gateway.services.telemetry
    assert isinstance(telemetry, Telemetry)
    await gateway.until_idle()
    await telemetry.flush()
