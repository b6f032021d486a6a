"""The page at /ops of gateways that share a Redis: each shows all."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from app.ops.report_publisher import ReportPublisher
from app.ops.shared_reports import REPORTS, SEEN
from app.ops.status_line import WINDOW_SECONDS
from testbed.servers import RedisServer

from ..conftest import StartGateway
from ..eventually import eventually
from ..gateway import Gateway

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@pytest.fixture
async def gateways(start_gateway: StartGateway, redis_url: str) -> list[Gateway]:
    return [
        await start_gateway(
            redis_url=redis_url, limits={"requests_per_minute": 100, "concurrent_requests": 9}
        )
        for _ in range(2)
    ]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def data(gateway: Gateway, after: float = 0.0) -> Any:
    response = await gateway.client.get(
        "/ops/data", params={"after": after}, headers=await gateway.headers("wall", "ops")
    )
    assert response.status_code == 200, response.text
    return response.json()


async def chat(gateway: Gateway, times: int = 1) -> None:
    """Returns when the page's history has counted them."""
    history = gateway.services.history
    before = history.last(WINDOW_SECONDS).requests
    for _ in range(times):
        assert (await gateway.call("POST", "/chat", json={"prompt": "hi"})).status_code == 200
    await eventually(lambda: history.last(WINDOW_SECONDS).requests == before + times)


async def publish(gateway: Gateway, *, is_stopped: bool = False) -> None:
    services = gateway.services
    shared = services.dashboard.shared
    assert shared is not None
    await ReportPublisher(services.dashboard, services.history, shared).publish(is_stopped=is_stopped)


async def test_each_gateway_shows_the_traffic_of_all(gateways: list[Gateway]) -> None:
    for number, gateway in enumerate(gateways):
        await chat(gateway, number + 1)
        gateway.services.history.take_sample()
        await publish(gateway)
    documents = [await data(gateway) for gateway in gateways]
    for document, own in zip(documents, (1, 2), strict=True):
        assert document["measures"]["requests"] == 3
        assert [one["is_this"] for one in document["gateways"]] == [True, False]
        assert [one["requests"] for one in document["gateways"]] == [own, 3 - own]
        assert {one["state"] for one in document["gateways"]} == {"ready"}
        assert len(document["workers"]) == 2
        assert document["status"]["sentence"].startswith("3 requests")
        (user,) = document["slowest_users"]
        assert user["requests"] == 3
    assert documents[0]["instance"] == documents[1]["instance"], "the page may be answered by either"


async def test_charts_add_up_the_samples_of_all(gateways: list[Gateway]) -> None:
    """Later than a single gateway's, when all have published."""
    began = time.time()
    for gateway in gateways:
        await chat(gateway)
        gateway.services.history.take_sample()
        samples = gateway.services.history.samples_after(began - 60)  # the gateway takes some by itself
        (sample,) = [sample for sample in samples if sample.traffic.requests]
        assert gateway.services.dashboard.shared is not None
        earlier = replace(sample, at=began - 30)
        await gateway.services.dashboard.shared.publish(gateway.services.dashboard.report(), [earlier])
    one = gateways[0].services.dashboard
    view = await one.view(began - 120)
    (merged,) = view.samples
    assert merged.traffic.requests == 1, "of the other; its own is too new"
    assert merged.at <= began - 25
    assert (await one.view(merged.at)).samples == []


async def test_a_gateway_that_stops_reporting_is_missing_until_it_is_back(
    gateways: list[Gateway], redis: Redis
) -> None:
    dashboard = gateways[0].services.dashboard
    assert dashboard.shared is not None
    gone = replace(dashboard.report(), instance="gone", name="gateway-2")
    await dashboard.shared.publish(gone, [])
    now, _ = await redis.time()
    await redis.zadd(SEEN, {"gone": now - 180})
    document = await data(gateways[0])
    assert [one["state"] for one in document["gateways"]] == ["ready", "ready", "missing"]
    assert document["gateways"][2]["seconds_ago"] in range(179, 190)
    assert document["status"]["level"] == "warning"
    assert document["status"]["title"] == "A gateway is missing"
    assert "gateway-2 has not reported for 3 minutes" in document["status"]["sentence"]
    assert len(document["workers"]) == 2
    await dashboard.shared.publish(replace(gone, instance="started again"), [])
    assert [one["state"] for one in (await data(gateways[0]))["gateways"]] == ["ready"] * 3


async def test_a_gateway_that_was_stopped_is_not_missed(gateways: list[Gateway]) -> None:
    await chat(gateways[1])
    await publish(gateways[1], is_stopped=True)
    document = await data(gateways[0])
    assert len(document["gateways"]) == 1
    assert document["status"]["level"] == "idle"


async def test_gateways_are_forgotten_after_an_hour(gateways: list[Gateway], redis: Redis) -> None:
    dashboard = gateways[0].services.dashboard
    assert dashboard.shared is not None
    await dashboard.shared.publish(replace(dashboard.report(), instance="gone"), [])
    now, _ = await redis.time()
    await redis.zadd(SEEN, {"gone": now - 3601})
    await publish(gateways[0])
    assert await redis.hget(REPORTS, "gone") is None
    assert await redis.zscore(SEEN, "gone") is None


async def test_reports_of_another_version_are_left_out(gateways: list[Gateway], redis: Redis) -> None:
    now, _ = await redis.time()
    await redis.zadd(SEEN, {"new": now, "broken": now})
    await redis.hset(REPORTS, mapping={"new": '{"format": 2}', "broken": b"\xff"})
    document = await data(gateways[0])
    assert not {"new", "broken"} & {one["name"] for one in document["gateways"]}


async def test_without_redis_the_page_shows_this_gateway_and_says_so(
    gateways: list[Gateway], redis_server: RedisServer
) -> None:
    redis_server.stop()
    for _ in range(2):  # the first finds out, the second knows
        document = await data(gateways[0])
        assert document["are_others_known"] is False
        assert len(document["gateways"]) == 1
