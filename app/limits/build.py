"""The one place that chooses a limiter: this process's memory, or the Redis that processes share."""

import time
from collections.abc import Callable

from redis.asyncio import Redis

from app.limits.daily_tokens import TokensUsedToday, no_tokens_used
from app.limits.fallback import FallbackLimiter
from app.limits.limiter import Limiter
from app.limits.memory.limiter import MemoryLimiter
from app.limits.redis.circuit_breaker import CircuitBreaker
from app.limits.redis.limiter import RedisLimiter
from app.settings import LimitSettings


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
