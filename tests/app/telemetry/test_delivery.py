"""A collector that is unavailable, refuses or hangs: requests are not affected, and memory is bounded."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.record.request_record import RequestRecord
from app.record.request_trace import GenerationTrace, RequestTrace
from app.telemetry import telemetry as module
from app.telemetry.telemetry import BATCH_SPANS, MAX_WAITING, Telemetry
from inference import SamplingParams, Timeline
from testbed.servers import free_port
from tests.app.conftest import StartGateway
from tests.app.gateway import Gateway

from .conftest import CollectorServer, StartTraced, flush

pytestmark = pytest.mark.anyio

GENEROUS = {"limits": {"requests_per_minute": 1000, "concurrent_requests": 10}}


async def ask(gateway: Gateway, times: int = 1) -> None:
    for _ in range(times):
        assert (await gateway.call("POST", "/chat", json={"prompt": "hello"})).status_code == 200
    await gateway.until_idle()


async def counted(gateway: Gateway, name: str) -> float:
    lines = (await gateway.client.get("/metrics")).text.splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}_total ")]
    return float(line.split()[1])


def count_traces(collector: CollectorServer) -> int:
    return sum(span.name == "POST /chat" for span in collector.spans)


async def test_traces_arrive_by_themselves(start_traced: StartTraced, collector: CollectorServer) -> None:
    gateway = await start_traced(**GENEROUS)
    await ask(gateway)
    await collector.until(lambda: count_traces(collector) == 1)  # the next second begins
    await ask(gateway, 3)
    await collector.until(lambda: count_traces(collector) == 4)
    assert len([request for request in collector.requests if request.url.path == "/v1/traces"]) == 2


async def test_batch_that_a_busy_collector_refused_is_sent_again_once(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    collector.statuses = [503, 429]
    await ask(gateway, 2)
    await collector.until(lambda: len(collector.requests) >= 1)
    assert collector.spans == []
    await collector.until(lambda: len(collector.requests) >= 3)
    roots = [span.span_id for span in collector.spans if span.name == "POST /chat"]
    assert len(roots) == len(set(roots)) == 2
    await flush(gateway)  # until the last response is read, too
    assert await counted(gateway, "gateway_traces_delivered") == 2
    assert await counted(gateway, "gateway_traces_dropped") == 0


async def test_refused_traces_are_dropped_counted_and_logged_once(
    start_traced: StartTraced, collector: CollectorServer, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    collector.statuses = [400, 400]
    for _ in range(3):
        await ask(gateway)
        await flush(gateway)
    assert await counted(gateway, "gateway_traces_dropped") == 2
    assert await counted(gateway, "gateway_traces_delivered") == 1
    logged = [record.getMessage() for record in caplog.records if "telemetry" in record.name]
    assert logged == ["traces cannot be delivered: status 400", "traces are delivered again"]


async def test_unavailable_collector_affects_neither_requests_nor_the_shutdown(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(telemetry={"endpoint": f"http://127.0.0.1:{free_port()}"}, **GENEROUS)
    await ask(gateway, 20)
    await flush(gateway)
    assert await counted(gateway, "gateway_traces_dropped") == 0  # they wait
    telemetry = telemetry_of(gateway)
    started_at = time.monotonic()
    await telemetry.aclose()
    assert time.monotonic() - started_at < module.LAST_SECONDS


async def test_redirect_is_a_refusal(start_traced: StartTraced, collector: CollectorServer) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    collector.statuses = [308]
    await ask(gateway)
    await flush(gateway)
    assert len(collector.requests) == 1
    assert await counted(gateway, "gateway_traces_dropped") == 1


def telemetry_of(gateway: Gateway) -> Telemetry:
    telemetry = gateway.services.telemetry
    assert isinstance(telemetry, Telemetry)
    return telemetry


def end_trace(telemetry: Telemetry, number: int = 0, chunks: int = 0) -> bytes:
    """A trace of one span, or of four with `chunks` events. Returns its id."""
    trace = RequestTrace(None)
    if chunks:
        timeline = Timeline(begun_at=1.0, chunks=[(1.0, 512)] * chunks)
        trace.generations.append(GenerationTrace("chat", "scripted", SamplingParams(), timeline))
    telemetry.end_trace(RequestRecord(f"req_{number}", route="/chat", method="POST"), trace, "ok")
    return trace.trace_id


async def test_traces_that_wait_are_kept_when_newer_ones_find_no_room(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    telemetry = telemetry_of(gateway)
    collector.statuses = [503]
    ids = [end_trace(telemetry, number) for number in range(MAX_WAITING + 10)]
    assert await counted(gateway, "gateway_traces_dropped") == 10
    await collector.until(lambda: count_traces(collector) == MAX_WAITING)
    assert [span.trace_id for span in collector.spans] == ids[:MAX_WAITING]
    end_trace(telemetry)  # there is room again
    await collector.until(lambda: count_traces(collector) == MAX_WAITING + 1)
    assert await counted(gateway, "gateway_traces_dropped") == 10


async def test_events_of_spans_fill_the_queue_too(start_traced: StartTraced) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    telemetry = telemetry_of(gateway)
    for number in range(5):
        end_trace(telemetry, number, chunks=MAX_WAITING // 4)
    assert await counted(gateway, "gateway_traces_dropped") == 1


@pytest.fixture
async def hanging_port() -> AsyncIterator[int]:
    """Accepts connections and never responds."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.close()


async def test_hanging_collector_does_not_delay_the_shutdown(
    hanging_port: int, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(telemetry={"endpoint": f"http://127.0.0.1:{hanging_port}"}, **GENEROUS)
    await ask(gateway, 5)
    telemetry = telemetry_of(gateway)
    async with asyncio.timeout(module.LAST_SECONDS + 2):
        await telemetry.aclose()


async def test_full_batches_are_sent_at_once(start_traced: StartTraced, collector: CollectorServer) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    telemetry = telemetry_of(gateway)
    count = 4 * BATCH_SPANS
    for number in range(count):
        end_trace(telemetry, number)
    started_at = time.monotonic()
    await collector.until(lambda: count_traces(collector) == count)
    assert time.monotonic() - started_at < 2 * module.GATHERING_SECONDS
    assert len(collector.requests) >= 3
    batches = [ExportTraceServiceRequest.FromString(body) for body in collector.bodies]
    assert max(len(batch.resource_spans[0].scope_spans[0].spans) for batch in batches) == BATCH_SPANS
