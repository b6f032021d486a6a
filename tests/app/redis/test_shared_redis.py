"""Connections to a real Redis that break: replaced, without another request that waits for them."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest
import uvloop

from app.redis.circuit_breaker import MAX_CALLS, CircuitBreaker, RedisUnavailable
from app.redis.shared_redis import SharedRedis
from testbed.fault_proxy import FaultProxy
from testbed.servers import RedisServer

from ..eventually import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PATIENT_SECONDS = 2.0  # the machines that run tests are busy


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[FaultProxy]:
    proxy = FaultProxy(redis_server.port)
    async with proxy.serving():
        yield proxy


@pytest.fixture
async def redis(redis_server: RedisServer, proxy: FaultProxy) -> AsyncIterator[SharedRedis]:
    """With as many open connections as it uses at once."""
    opened = SharedRedis.open(redis_server.url.replace(str(redis_server.port), str(proxy.port)))
    redis = dataclasses.replace(opened, breaker=CircuitBreaker(opened.client, PATIENT_SECONDS))
    await redis.connect()
    assert proxy.accepted == MAX_CALLS
    yield redis
    await redis.aclose()


async def test_connections_that_redis_closed_do_not_open_the_circuit(
    redis: SharedRedis, redis_server: RedisServer
) -> None:
    await asyncio.to_thread(redis_server.stop)
    await asyncio.to_thread(redis_server.start)
    for _ in range(MAX_CALLS):
        assert await redis.breaker.call(redis.client.ping)


def test_connections_that_were_reset_are_replaced(redis_server: RedisServer) -> None:
    """On uvloop, as the gateway runs: it reports a reset in its own way."""

    async def use_after_a_reset() -> None:
        proxy = FaultProxy(redis_server.port)
        async with proxy.serving():
            redis = SharedRedis.open(redis_server.url.replace(str(redis_server.port), str(proxy.port)))
            await redis.connect()
            proxy.cut_all(reset=True)
            await eventually(lambda: proxy.open_connections == 0)
            for _ in range(10):  # turns of the loop, in which the resets arrive
                await asyncio.sleep(0)
            for _ in range(MAX_CALLS):
                assert await redis.client.ping()
            await redis.aclose()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(use_after_a_reset())


async def test_after_silence_no_old_connection_is_used_again(redis: SharedRedis, proxy: FaultProxy) -> None:
    proxy.freeze()
    with pytest.raises(RedisUnavailable):
        await redis.breaker.call(redis.client.ping)
    proxy.thaw()
    await eventually(lambda: not redis.breaker.is_open)
    await asyncio.gather(*(redis.breaker.call(redis.client.ping) for _ in range(MAX_CALLS)))
    assert proxy.accepted == 2 * MAX_CALLS
