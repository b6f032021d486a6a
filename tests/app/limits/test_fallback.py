"""Redis goes away and comes back under the limiter."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.errors import DailyTokensExceeded, LimiterUnavailable, RateLimitExceeded
from app.limits.build import build_limiter
from app.limits.fallback import FallbackLimiter
from app.limits.memory.limiter import MemoryLimiter
from app.limits.policy import LimitPolicy
from app.limits.redis.circuit_breaker import MAX_CALLS, CircuitBreaker
from app.limits.redis.limiter import RedisLimiter
from app.settings import LimitSettings
from testbed.servers import RedisServer

from ..eventually import PATIENT_SECONDS, eventually
from .conftest import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

POLICY = LimitPolicy(2, 2, daily_tokens=100)


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator[Redis]:
    """Says at once that nobody listens, so that no test waits for time to pass."""
    client = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0))
    yield client
    await client.aclose()


@pytest.fixture
def wake_probe() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def limiter(
    redis_client: Redis, clock: FakeClock, wake_probe: asyncio.Event
) -> AsyncIterator[FallbackLimiter]:
    async def sleep(seconds: float) -> None:
        await wake_probe.wait()
        await asyncio.sleep(0)

    breaker = CircuitBreaker(redis_client, PATIENT_SECONDS, sleep)
    shared = RedisLimiter(redis_client, breaker, clock)
    limiter = FallbackLimiter(shared, MemoryLimiter(clock), breaker)
    yield limiter
    await limiter.aclose()


async def test_limits_hold_in_this_process_while_redis_is_away(
    limiter: FallbackLimiter, redis_server: RedisServer
):
    redis_server.stop()
    for _ in range(2):
        await (await limiter.admit("usr_a", POLICY)).release()
    assert limiter.is_degraded
    with pytest.raises(RateLimitExceeded):
        await limiter.admit("usr_a", POLICY)


async def test_limits_are_shared_again_when_redis_is_back(
    limiter: FallbackLimiter,
    redis_server: RedisServer,
    redis_client: Redis,
    wake_probe: asyncio.Event,
):
    redis_server.stop()
    held = await limiter.admit("usr_a", POLICY)
    await asyncio.to_thread(redis_server.start)
    wake_probe.set()
    await eventually(lambda: not limiter.is_degraded)
    await held.release()  # was admitted by this process alone
    admission = await limiter.admit("usr_a", POLICY)
    assert await redis_client.zcard("gateway:limits:{usr_a}:slots") == 1
    await admission.release()
    assert await redis_client.zcard("gateway:limits:{usr_a}:slots") == 0


async def test_a_request_admitted_before_redis_went_away_goes_on(
    limiter: FallbackLimiter, redis_server: RedisServer
):
    admission = await limiter.admit("usr_a", POLICY)
    redis_server.stop()
    await admission.reserve_tokens(60)
    assert admission.headers["RateLimit"] == '"requests";r=1;t=60'
    other = await limiter.admit("usr_a", POLICY)
    with pytest.raises(DailyTokensExceeded):
        await other.reserve_tokens(41)
    await admission.release(tokens_used=10)


async def test_releasing_while_redis_is_away_raises_nothing(
    limiter: FallbackLimiter, redis_server: RedisServer
):
    admissions = [await limiter.admit("usr_a", POLICY), await limiter.admit("usr_a", POLICY)]
    redis_server.stop()
    await admissions[0].release(tokens_used=10)
    await admissions[1].give_back()
    assert limiter.is_degraded


async def test_everybody_is_refused_where_the_operator_chose_that(
    redis_client: Redis, redis_server: RedisServer
):
    limiter = build_limiter(LimitSettings(when_redis_is_away="refuse"), redis_client)
    redis_server.stop()
    for _ in range(2):
        with pytest.raises(LimiterUnavailable) as refusal:
            await limiter.admit("usr_a", POLICY)
        assert refusal.value.retry_after_seconds == 1
    await limiter.aclose()


async def test_requests_wait_for_a_silent_redis_once(clock: FakeClock):
    connections = 0
    closed = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await closed.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Redis(host="127.0.0.1", port=port)
    breaker = CircuitBreaker(client, timeout_seconds=0.05)
    limiter = FallbackLimiter(RedisLimiter(client, breaker, clock), MemoryLimiter(clock), breaker)
    policy = LimitPolicy(1000, 1000)

    admissions = await asyncio.gather(*(limiter.admit("usr_a", policy) for _ in range(20)))
    asked = connections
    assert asked <= MAX_CALLS  # nobody waits after the first have waited in vain
    admissions += [await limiter.admit("usr_a", policy) for _ in range(100)]
    for admission in admissions:
        await admission.release()
    assert connections == asked

    await limiter.aclose()
    closed.set()
    await client.aclose()
    server.close()
    await server.wait_closed()
