"""One of two gateways loses its connections to Redis and PostgreSQL: it goes on, and recovers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from redis.asyncio import Redis

from app.limits.daily_tokens import day_of
from app.limits.redis.slots import used_key
from benchmarks.two_gateways import SHORT, Site
from testbed.fault_proxy import FaultProxy

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

LOOP_SECONDS = 5.0  # for a response that needs nothing but the event loop, on a busy machine
AFFECTED = 1


def cut(proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut_all(reset=True)


def silence(proxy: FaultProxy) -> None:
    proxy.freeze()


def lose_responses(proxy: FaultProxy) -> None:
    proxy.to_client.loses = True


@asynccontextmanager
async def fault(site: Site, begin: Callable[[FaultProxy], None]) -> AsyncIterator[None]:
    """Between the affected gateway and both servers."""
    proxies = (site.redis[AFFECTED], site.postgres[AFFECTED])
    try:
        for proxy in proxies:
            site.proxies.on_loop(lambda proxy=proxy: begin(proxy))
        yield
    finally:
        for proxy in proxies:
            proxy.to_client.loses = False
            site.proxies.on_loop(proxy.thaw)
            site.proxies.accept(proxy)


async def degraded_parts(client: httpx.AsyncClient) -> set[str]:
    async with asyncio.timeout(LOOP_SECONDS):
        components = (await client.get("/readyz")).json()["components"]
    return {part for part, state in components.items() if state != "ready"}


@pytest.mark.parametrize("begin", [cut, silence, lose_responses])
async def test_a_gateway_without_its_servers_goes_on_and_is_one_again(
    site: Site, begin: Callable[[FaultProxy], None]
) -> None:
    _, counted = await site.add_user(requests_per_minute=7, concurrent_requests=100)
    user_id, header = await site.add_user(daily_tokens=100_000)
    revoked_id, revoked = await site.add_user()
    admin = {"Authorization": f"Bearer {site.admin}"}
    async with site.client(0) as sound, site.client(AFFECTED) as affected:
        async with fault(site, begin):
            parts: set[str] = set()
            async with asyncio.timeout(30):
                while parts != {"database", "limiter"}:
                    response = await affected.post("/chat", headers=header, json=SHORT)
                    assert response.status_code == 200, response.text
                    parts = await degraded_parts(affected)
            assert (await sound.post("/chat", headers=header, json=SHORT)).status_code == 200
            assert await degraded_parts(sound) == set()
            body = {"user_id": revoked_id}
            assert (await sound.post("/admin/revocations", headers=admin, json=body)).status_code == 204
            assert (await affected.post("/admin/revocations", headers=admin, json=body)).status_code == 503
        await site.until_ready(AFFECTED)
        assert (await affected.post("/chat", headers=revoked, json=SHORT)).status_code == 401
        assert await site.statuses(counted, 20) == {200: 7, 429: 13}
        expected = (await sound.get("/me/usage", headers=header)).json()["total"]["requests"]
        assert expected >= 2, "usage of both"
        async with Redis.from_url(site.redis_url) as redis:

            async def has_counted_all(client: httpx.AsyncClient) -> bool:
                usage = (await client.get("/me/usage", headers=header)).json()["total"]
                counted = await redis.get(used_key(user_id, day_of(time.time())))
                return int(counted) == usage["prompt_tokens"] + usage["completion_tokens"]

            await site.until(has_counted_all)
