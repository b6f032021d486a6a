"""A collector that is away, refuses or hangs: requests do not notice, and nothing grows."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from app.record.request_record import RequestRecord
from app.record.request_trace import RequestTrace
from app.telemetry import telemetry as module
from app.telemetry.outbox import BATCH_BYTES
from app.telemetry.telemetry import Telemetry
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


async def test_traces_arrive_by_themselves(start_traced: StartTraced, collector: CollectorServer) -> None:
    gateway = await start_traced(**GENEROUS)
    await ask(gateway, 3)
    await collector.until(lambda: len([span for span in collector.spans if span.name == "POST /chat"]) == 3)
    assert len([request for request in collector.requests if request.url.path == "/v1/traces"]) == 1


async def test_what_a_busy_collector_did_not_take_is_sent_again_once(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    collector.statuses = [503, 429]
    await ask(gateway, 2)
    await flush(gateway)
    assert collector.spans == []
    await collector.until(lambda: len(collector.requests) >= 3)
    roots = [span.span_id for span in collector.spans if span.name == "POST /chat"]
    assert len(roots) == len(set(roots)) == 2
    assert await counted(gateway, "gateway_traces_delivered") == 2
    assert await counted(gateway, "gateway_traces_dropped") == 0


async def test_what_a_collector_refuses_is_dropped_counted_and_told_once(
    start_traced: StartTraced, collector: CollectorServer, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    collector.statuses = [400, 400]
    for _ in range(3):
        await ask(gateway)
        await flush(gateway)
    assert await counted(gateway, "gateway_traces_dropped") == 2
    assert await counted(gateway, "gateway_traces_delivered") == 1
    told = [record.getMessage() for record in caplog.records if "telemetry" in record.name]
    assert told == ["traces cannot be delivered: status 400", "traces are delivered again"]


async def test_collector_that_is_away_is_not_noticed_by_requests_nor_by_the_end(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(telemetry={"endpoint": f"http://127.0.0.1:{free_port()}"}, **GENEROUS)
    await ask(gateway, 20)
    await flush(gateway)
    assert await counted(gateway, "gateway_traces_dropped") == 0  # they wait
    telemetry = gateway.services.telemetry
    assert isinstance(telemetry, Telemetry)
    started_at = time.monotonic()
    await telemetry.aclose()
    assert time.monotonic() - started_at < module.LAST_SECONDS


@pytest.fixture
async def hanging_port() -> AsyncIterator[int]:
    """Takes connections and answers nothing."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.close()


async def test_collector_that_hangs_does_not_keep_the_gateway_from_ending(
    hanging_port: int, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(telemetry={"endpoint": f"http://127.0.0.1:{hanging_port}"}, **GENEROUS)
    await ask(gateway, 5)
    telemetry = gateway.services.telemetry
    assert isinstance(telemetry, Telemetry)
    async with asyncio.timeout(module.LAST_SECONDS + 2):
        await telemetry.aclose()


async def test_more_than_a_batch_is_sent_without_waiting_for_the_next_second(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced({"metrics": False}, **GENEROUS)
    telemetry = gateway.services.telemetry
    assert isinstance(telemetry, Telemetry)
    count = BATCH_BYTES // 100  # a trace has several hundred bytes
    for number in range(count):
        telemetry.end_trace(
            RequestRecord(f"req_{number}", route="/chat", method="POST"), RequestTrace(None), "ok"
        )
    started_at = time.monotonic()
    await collector.until(lambda: sum(span.name == "POST /chat" for span in collector.spans) == count)
    assert time.monotonic() - started_at < 2 * module.GATHERING_SECONDS
    assert len(collector.requests) >= 3
