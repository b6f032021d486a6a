"""A clock that tests move, and limiters over memory and over a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import pytest
from redis.asyncio import Redis

from app.limits.build import build_limiter
from app.limits.daily_tokens import no_tokens_used
from app.limits.fallback import FallbackLimiter
from app.limits.limiter import Limiter
from app.limits.redis.limiter import RedisLimiter
from app.redis.circuit_breaker import CircuitBreaker, Sleep
from app.redis.shared_redis import SharedRedis

from ..eventually import PATIENT_SECONDS

NOON = 1_750_000_032.5 // 86_400 * 86_400 + 43_200.25  # Unix seconds; UTC noon of some day


class FakeClock:
    """Unix seconds that pass only when a test advances them."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class MakeLimiter(Protocol):
    def __call__(self, tokens_used_today: Callable[[str], Awaitable[int]] = no_tokens_used) -> Limiter: ...


def patient_redis(url: str, client: Redis | None = None, sleep: Sleep = asyncio.sleep) -> SharedRedis:
    """A Redis that is not taken for unavailable on a busy machine."""
    client = client or Redis.from_url(url)
    return SharedRedis(url, client, CircuitBreaker(client, PATIENT_SECONDS, sleep))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def make_limiter(
    request: pytest.FixtureRequest, anyio_backend: str, clock: FakeClock
) -> AsyncIterator[MakeLimiter]:
    redis = None
    if request.param == "redis":
        redis = patient_redis(request.getfixturevalue("redis_url"))
    made: list[Limiter] = []

    def make(tokens_used_today: Callable[[str], Awaitable[int]] = no_tokens_used) -> Limiter:
        if redis is None:
            made.append(build_limiter(None, "local", tokens_used_today, clock))
        else:
            shared = RedisLimiter(redis, clock, tokens_used_today)
            made.append(FallbackLimiter(shared, None, redis.breaker))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.aclose()
    if redis is not None:
        await redis.aclose()


@pytest.fixture
def limiter(make_limiter: MakeLimiter) -> Limiter:
    return make_limiter()
