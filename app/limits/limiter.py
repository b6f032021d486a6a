"""What limits users: the seam that routes use, and the one place that chooses what is behind it."""

import time
from collections.abc import Callable
from typing import Protocol

from redis.asyncio import Redis

from app.limits.circuit_breaker import CircuitBreaker
from app.limits.daily_tokens import TokensUsedToday, no_tokens_used
from app.limits.fallback_limiter import FallbackLimiter
from app.limits.memory_limiter import MemoryLimiter
from app.limits.policy import LimitPolicy
from app.limits.redis_limiter import RedisLimiter
from app.settings import LimitSettings


class Admission(Protocol):
    """One admitted request: an entry in the window and a running slot, later some tokens.

    Whoever admitted calls `release` or `give_back` at the end, whatever happened; the first of
    them counts and later ones do nothing.
    """

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` for the answer."""
        ...

    async def reserve_tokens(self, tokens: int) -> None:
        """Sets aside what the request may use at most; without a quota it does nothing.

        Raises `DailyTokensExceeded` after everything was given back, the entry in the window
        included; while Redis is away also what `Limiter.admit` raises.
        """
        ...

    async def release(self, tokens_used: int = 0) -> None:
        """Frees the slot and the reservation, and counts the tokens that were really used."""
        ...

    async def give_back(self) -> None:
        """As if the request had never come: for those that others refuse (a full queue)."""
        ...


class Limiter(Protocol):
    """Created by `build_limiter`; opened and closed by `app/lifespan.py`; one event loop."""

    @property
    def is_degraded(self) -> bool:
        """Whether limits hold for this process alone, or nobody is let in, as Redis is away."""
        ...

    async def admit(self, user_id: str, policy: LimitPolicy) -> Admission:
        """All or nothing: a refused request has spent nothing.

        Raises `RateLimitExceeded`, `ConcurrencyLimitExceeded` and `DailyTokensExceeded`, each with
        seconds to wait and `RateLimit` headers, and `LimiterUnavailable`.
        """
        ...

    async def aclose(self) -> None: ...


def build_limiter(
    settings: LimitSettings,
    redis_client: Redis | None,
    tokens_used_today: TokensUsedToday = no_tokens_used,
    clock: Callable[[], float] = time.time,
) -> Limiter:
    """`clock` gives Unix seconds. The client stays open when the limiter is closed."""
    local = MemoryLimiter(clock, tokens_used_today)
    if redis_client is None:
        return local
    breaker = CircuitBreaker(redis_client)
    shared = RedisLimiter(redis_client, breaker, clock, tokens_used_today)
    may_fall_back = settings.when_redis_is_away == "local"
    return FallbackLimiter(shared, local if may_fall_back else None, breaker)
