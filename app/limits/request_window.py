"""Requests a minute of each user, counted exactly in a moving window.

The counting is the `limits` package's; what is added is that an entry is known by its time, so that
a request refused later on can give it back.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from limits import RateLimitItemPerMinute
from limits.aio.strategies import MovingWindowRateLimiter

from app.limits.memory.window import MemoryWindowStorage
from app.limits.redis.window import RedisWindowStorage

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class WindowState:
    """How much of the window is left, and in how many seconds its oldest entry leaves it."""

    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers writes them."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"requests";r={self.remaining};t={self.reset_seconds}',
        }


class RequestWindow(MovingWindowRateLimiter):
    """`entered_at` and `now` are Unix seconds; the same value names an entry in all three methods."""

    def __init__(self, storage: MemoryWindowStorage | RedisWindowStorage) -> None:
        super().__init__(storage)
        self._entries = storage

    async def enter(self, user_id: str, limit: int, now: float) -> bool:
        """Whether there was room; nothing is spent where there was none."""
        return await self._entries.acquire_entry_at(now, _item(limit).key_for(user_id), limit, WINDOW_SECONDS)

    async def give_back(self, user_id: str, limit: int, entered_at: float) -> None:
        await self._entries.give_back(_item(limit).key_for(user_id), entered_at)

    async def state(self, user_id: str, limit: int, now: float) -> WindowState:
        stats = await self.get_window_stats(_item(limit), user_id)
        reset_seconds = math.ceil(stats.reset_time - now)
        return WindowState(limit, max(0, stats.remaining), min(max(reset_seconds, 1), WINDOW_SECONDS))


@lru_cache(maxsize=1024)
def _item(limit: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(limit, namespace="requests")
