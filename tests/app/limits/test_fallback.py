"""Redis becomes unavailable and available again under the limiter."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.errors import DailyTokensExceeded, LimiterUnavailable, RateLimitExceeded
from app.limits.build import build_limiter
from app.limits.fallback import FallbackLimiter
from app.limits.memory.limiter import MemoryLimiter
from app.limits.redis.limiter import RedisLimiter
from app.redis.circuit_breaker import MAX_CALLS, CircuitBreaker
from app.redis.shared_redis import SharedRedis
from app.user_limits import UserLimits
from testbed.servers import RedisServer

from ..eventually import eventually
from .conftest import FakeClock, patient_redis

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

LIMITS = UserLimits(2, 2, daily_tokens=100)


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator[Redis]:
    """Fails at once when nothing listens, so that no test waits for time to pass."""
    client = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0))
    yield client
    await client.aclose()


@pytest.fixture
def wake_probe() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def limiter(
    redis_url: str, redis_client: Redis, clock: FakeClock, wake_probe: asyncio.Event
) -> AsyncIterator[FallbackLimiter]:
    async def sleep(seconds: float) -> None:
        await wake_probe.wait()
        await asyncio.sleep(0)

    redis = patient_redis(redis_url, redis_client, sleep)
    limiter = FallbackLimiter(RedisLimiter(redis, clock), MemoryLimiter(clock), redis.breaker)
    yield limiter
    await limiter.aclose()
    await redis.breaker.aclose()


async def test_limits_hold_in_this_process_while_redis_is_unavailable(
    limiter: FallbackLimiter, redis_server: RedisServer
):
    redis_server.stop()
    for _ in range(2):
        await (await limiter.admit("usr_a", LIMITS)).release()
    assert limiter.is_degraded
    with pytest.raises(RateLimitExceeded):
        await limiter.admit("usr_a", LIMITS)


async def test_limits_are_shared_again_when_redis_is_available_again(
    limiter: FallbackLimiter,
    redis_server: RedisServer,
    redis_client: Redis,
    wake_probe: asyncio.Event,
):
    redis_server.stop()
    held = await limiter.admit("usr_a", LIMITS)
    await asyncio.to_thread(redis_server.start)
    wake_probe.set()
    await eventually(lambda: not limiter.is_degraded)
    await held.release()  # was admitted by this process alone
    admission = await limiter.admit("usr_a", LIMITS)
    assert await redis_client.zcard("gateway:limits:{usr_a}:slots") == 1
    await admission.release()
    assert await redis_client.zcard("gateway:limits:{usr_a}:slots") == 0


async def test_a_request_admitted_before_redis_failed_goes_on(
    limiter: FallbackLimiter, redis_server: RedisServer
):
    admission = await limiter.admit("usr_a", LIMITS)
    redis_server.stop()
    await admission.reserve_tokens(60)
    assert admission.headers["RateLimit"] == '"requests";r=1;t=60'
    other = await limiter.admit("usr_a", LIMITS)
    with pytest.raises(DailyTokensExceeded):
        await other.reserve_tokens(41)
    await admission.release(tokens_used=10)


async def test_releasing_while_redis_is_unavailable_raises_nothing(
    limiter: FallbackLimiter, redis_server: RedisServer
):
    admissions = [await limiter.admit("usr_a", LIMITS), await limiter.admit("usr_a", LIMITS)]
    redis_server.stop()
    await admissions[0].release(tokens_used=10)
    await admissions[1].give_back()
    assert limiter.is_degraded


async def test_everybody_is_refused_where_the_operator_chose_that(
    redis_client: Redis, redis_server: RedisServer
):
    redis = patient_redis(redis_server.url, redis_client)
    limiter = build_limiter(redis, "refuse")
    redis_server.stop()
    for _ in range(2):
        with pytest.raises(LimiterUnavailable) as refusal:
            await limiter.admit("usr_a", LIMITS)
        assert refusal.value.retry_after_seconds == 1
    await limiter.aclose()
    await redis.breaker.aclose()


async def test_requests_wait_for_a_silent_redis_once(clock: FakeClock):
    connections = 0
    closed = asyncio.Event()

    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await closed.wait()
        writer.close()

    server = await asyncio.start_server(stay_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    opened = SharedRedis.open(f"redis://127.0.0.1:{port}")
    redis = replace(opened, breaker=CircuitBreaker(opened.client, timeout_seconds=0.05))
    limiter = FallbackLimiter(RedisLimiter(redis, clock), MemoryLimiter(clock), redis.breaker)
    limits = UserLimits(1000, 1000)

    admissions = await asyncio.gather(*(limiter.admit("usr_a", limits) for _ in range(20)))
    connections_at_first = connections
    assert connections_at_first <= MAX_CALLS  # no request waits after the first ones have
    admissions += [await limiter.admit("usr_a", limits) for _ in range(100)]
    for admission in admissions:
        await admission.release()
    assert connections == connections_at_first

    await limiter.aclose()
    closed.set()
    await redis.aclose()
    server.close()
    await server.wait_closed()
