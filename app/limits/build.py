"""The one place that chooses a limiter: this process's memory, or the Redis that several gateways share."""

import time
from collections.abc import Callable
from typing import Literal

from app.limits.daily_tokens import StoreUsage, TokensUsedToday, no_tokens_used, no_usage_to_store
from app.limits.fallback import FallbackLimiter
from app.limits.limiter import Limiter
from app.limits.memory.limiter import MemoryLimiter
from app.limits.redis.limiter import RedisLimiter
from app.redis.shared_redis import SharedRedis


def build_limiter(
    redis: SharedRedis | None,
    when_redis_is_unavailable: Literal["local", "refuse"] = "local",
    tokens_used_today: TokensUsedToday = no_tokens_used,
    clock: Callable[[], float] = time.time,
    store_usage: StoreUsage = no_usage_to_store,
) -> Limiter:
    """`clock` gives Unix seconds. `redis` stays open when the limiter is closed."""
    local = MemoryLimiter(clock, tokens_used_today, store_usage)
    if redis is None:
        return local
    shared = RedisLimiter(redis, clock, tokens_used_today, store_usage)
    return FallbackLimiter(shared, local if when_redis_is_unavailable == "local" else None, redis.breaker)
