"""Tokens of the day that were not counted where they should be, and are later: no quota is forgotten."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.errors import DailyTokensExceeded, DatabaseUnavailable
from app.limits.daily_tokens import day_of
from app.limits.fallback import FallbackLimiter
from app.limits.limiter import Limiter
from app.limits.memory.limiter import MemoryLimiter
from app.limits.redis.limiter import RedisLimiter
from app.limits.redis.slots import LEASE_SECONDS, used_key
from app.user_limits import UserLimits
from testbed.fault_proxy import FaultProxy
from testbed.servers import RedisServer

from ..eventually import PATIENT_SECONDS, eventually
from .conftest import NOON, FakeClock, patient_redis

pytestmark = pytest.mark.anyio

LIMITS = UserLimits(1000, 10, daily_tokens=100)
USED = used_key("usr_a", day_of(NOON))


class UsageTable:
    """What both gateways write. `unstored` are rows that one of them has not stored yet."""

    def __init__(self) -> None:
        self.stored = 0
        self.unstored = 0
        self.is_available = True

    async def tokens_used_today(self, user_id: str) -> int:
        if not self.is_available:
            raise DatabaseUnavailable
        return self.stored

    async def store(self) -> None:
        if not self.is_available:
            raise DatabaseUnavailable
        self.stored, self.unstored = self.stored + self.unstored, 0


@pytest.fixture
def table() -> UsageTable:
    return UsageTable()


async def briefly(seconds: float) -> None:
    await asyncio.sleep(0.001)


async def use(limiter: Limiter, table: UsageTable, tokens: int, limits: UserLimits = LIMITS) -> None:
    """A whole request."""
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(tokens)
    await admission.release(tokens)
    table.unstored += tokens


async def tokens_left(limiter: Limiter) -> int:
    admission = await limiter.admit("usr_a", LIMITS)
    left = await admission.reserve_tokens(1)
    await admission.give_back()
    assert left is not None
    return left


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """As `eventually`, for what is awaited."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while not await is_so():  # noqa: ASYNC110  # nothing sets an event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def gateway(url: str, table: UsageTable, clock: FakeClock) -> AsyncIterator[FallbackLimiter]:
    # Without a timeout of its own, which may lose a cancellation, as in `SharedRedis.open`.
    client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None)
    redis = patient_redis(url, client, briefly)
    limiter = FallbackLimiter(
        RedisLimiter(redis, clock, table.tokens_used_today, table.store, briefly),
        MemoryLimiter(clock, table.tokens_used_today, table.store, briefly),
        redis.breaker,
    )
    try:
        yield limiter
    finally:
        await limiter.aclose()
        await redis.breaker.aclose()
        await client.aclose()


class TwoGateways:
    """`cut_off` is behind a proxy, so that its Redis is unavailable and keeps what it has."""

    def __init__(self, cut_off: FallbackLimiter, other: FallbackLimiter, proxy: FaultProxy) -> None:
        self.cut_off = cut_off
        self.other = other
        self._proxy = proxy

    def cut(self) -> None:
        self._proxy.refuse()
        self._proxy.cut_all(reset=True)

    async def mend(self) -> None:
        await self._proxy.accept()
        await eventually(lambda: not self.cut_off.is_degraded)


@pytest.fixture
async def two(redis_server: RedisServer, table: UsageTable, clock: FakeClock) -> AsyncIterator[TwoGateways]:
    async with AsyncExitStack() as stack:
        proxy = FaultProxy(redis_server.port)
        await stack.enter_async_context(proxy.serving())
        url = redis_server.url.replace(f":{redis_server.port}/", f":{proxy.port}/")
        cut_off = await stack.enter_async_context(gateway(url, table, clock))
        other = await stack.enter_async_context(gateway(redis_server.url, table, clock))
        yield TwoGateways(cut_off, other, proxy)


@pytest.mark.servers
async def test_requests_that_end_while_redis_is_unavailable_are_counted_there_later(
    two: TwoGateways, table: UsageTable, clock: FakeClock
) -> None:
    running = await two.cut_off.admit("usr_a", LIMITS)
    await running.reserve_tokens(20)
    two.cut()
    await running.release(20)
    table.unstored += 20
    await use(two.cut_off, table, 30)
    still_running = await two.cut_off.admit("usr_a", LIMITS)
    await still_running.reserve_tokens(40)
    clock.advance(LEASE_SECONDS)  # of the slot that was not released
    assert await tokens_left(two.other) == 100, "the other gateway cannot know of them"
    await two.mend()
    await until(lambda: is_left(two.other, 50))
    await still_running.release(40)
    table.unstored += 40
    await until(lambda: is_left(two.other, 10))


@pytest.mark.servers
async def test_tokens_of_a_quota_that_a_gateway_does_not_know_yet_are_counted_later(
    two: TwoGateways, table: UsageTable
) -> None:
    await use(two.other, table, 10)
    two.cut()
    await use(two.cut_off, table, 5, replace(LIMITS, daily_tokens=None))
    await two.mend()
    await until(lambda: is_left(two.other, 85))


async def is_left(limiter: Limiter, tokens: int) -> bool:
    return await tokens_left(limiter) == tokens


@pytest.mark.servers
async def test_further_outage_counts_what_was_used_between_them(two: TwoGateways, table: UsageTable) -> None:
    two.cut()
    await use(two.cut_off, table, 20)
    await two.mend()
    await use(two.other, table, 70)
    await table.store()
    await tokens_left(two.cut_off)
    two.cut()
    with pytest.raises(DailyTokensExceeded):
        await use(two.cut_off, table, 11)
    await use(two.cut_off, table, 10)


@pytest.mark.servers
async def test_what_redis_has_lost_in_a_failure_is_counted_again(
    two: TwoGateways, table: UsageTable, redis_url: str
) -> None:
    await use(two.cut_off, table, 60)
    two.cut()
    assert await tokens_left(two.cut_off) == 100 - table.stored
    async with Redis.from_url(redis_url) as client:
        assert await client.get(USED) == b"60"
        await client.set(USED, 10)  # as an older state of it that is on disk
    await two.mend()
    await until(lambda: is_left(two.other, 40))


@pytest.mark.parametrize("kind", ["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def test_quota_that_began_from_zero_without_the_database_is_right_when_it_is_back(
    request: pytest.FixtureRequest, anyio_backend: str, table: UsageTable, clock: FakeClock, kind: str
) -> None:
    table.stored, table.is_available = 50, False
    async with AsyncExitStack() as stack:
        limiter: Limiter = MemoryLimiter(clock, table.tokens_used_today, table.store, briefly)
        if kind == "redis":
            url = request.getfixturevalue("redis_url")
            limiter = await stack.enter_async_context(gateway(url, table, clock))
        else:
            stack.push_async_callback(limiter.aclose)
        await use(limiter, table, 20)
        assert await tokens_left(limiter) == 80
        table.is_available = True
        await until(lambda: is_left(limiter, 30))
