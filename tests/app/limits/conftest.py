"""A clock that tests move, and limiters over memory and over a real Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import pytest
from redis.asyncio import Redis

from app.limits.build import build_limiter
from app.limits.daily_tokens import no_tokens_used
from app.limits.fallback import FallbackLimiter
from app.limits.limiter import Limiter
from app.limits.redis.circuit_breaker import CircuitBreaker
from app.limits.redis.limiter import RedisLimiter
from app.settings import LimitSettings

from ..eventually import PATIENT_SECONDS

NOON = 1_750_000_032.5 // 86_400 * 86_400 + 43_200.25  # Unix seconds; UTC noon of some day


class FakeClock:
    """Unix seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class MakeLimiter(Protocol):
    def __call__(self, tokens_used_today: Callable[[str], Awaitable[int]] = no_tokens_used) -> Limiter: ...


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
    client = None
    if request.param == "redis":
        client = Redis.from_url(request.getfixturevalue("redis_url"))
    made: list[Limiter] = []

    def make(tokens_used_today: Callable[[str], Awaitable[int]] = no_tokens_used) -> Limiter:
        if client is None:
            made.append(build_limiter(LimitSettings(), None, tokens_used_today, clock))
        else:
            breaker = CircuitBreaker(client, PATIENT_SECONDS)
            shared = RedisLimiter(client, breaker, clock, tokens_used_today)
            made.append(FallbackLimiter(shared, None, breaker))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.aclose()
    if client is not None:
        await client.aclose()


@pytest.fixture
def limiter(make_limiter: MakeLimiter) -> Limiter:
    return make_limiter()
