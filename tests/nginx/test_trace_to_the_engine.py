"""One trace from the real nginx through the gateway to the engine's steps, as a collector gets it."""

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ..app.telemetry.conftest import (
    CollectorServer,
    StartTraced,
    attributes_of,
    collector,
    flush,
    start_traced,
)
from .conftest import StartNginx

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

__all__ = ["collector", "start_traced"]


async def test_trace_begins_at_nginx_and_ends_in_the_engine(
    start_nginx: StartNginx, start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced()
    nginx = start_nginx(gateway.port)
    async with nginx.client() as client:
        response = await client.post("/chat", json={"prompt": "hello"}, headers=await gateway.headers())
    assert response.status_code == 200
    await flush(gateway)
    (line,) = await nginx.logged(1)
    assert {span.trace_id.hex() for span in collector.spans} == {line["trace_id"]}
    path = ["nginx", "POST /chat", "chat scripted", "decode"]
    parent_span_id = b""
    for name in path:
        (span,) = [span for span in collector.spans if span.name == name]
        assert span.parent_span_id == parent_span_id, name
        parent_span_id = span.span_id
    spans: dict[str, Span] = {span.name: span for span in collector.spans}
    assert spans["nginx"].start_time_unix_nano <= spans["POST /chat"].start_time_unix_nano
    assert attributes_of(spans["nginx"].attributes)["gateway.proxy.seconds"] >= 0


async def test_trace_of_an_app_is_continued_through_nginx(
    start_nginx: StartNginx, start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced()
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    headers = await gateway.headers() | {
        "traceparent": f"00-{trace_id}-{span_id}-00",
        "X-Proxy-Seconds": "99.000",
    }
    async with start_nginx(gateway.port).client() as client:
        assert (await client.post("/chat", json={"prompt": "hello"}, headers=headers)).status_code == 200
    await flush(gateway)
    assert {span.trace_id.hex() for span in collector.spans} == {trace_id}
    (proxy,) = [span for span in collector.spans if span.name == "nginx"]
    assert proxy.parent_span_id.hex() == span_id
    assert (
        attributes_of(proxy.attributes)["gateway.proxy.seconds"] < 99
    )  # nginx's own value replaces the client's
