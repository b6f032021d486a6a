"""Counts events of addresses per minute with slowapi: in memory, or in Redis.

The only module that knows slowapi: `Limiter.limiter`, which it does not document, is its access to the
`limits` package. tests/app/limits/test_address_counter.py fails when a version changes it.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from limits import RateLimitItemPerMinute
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from slowapi import Limiter

_REDIS_SECONDS: Final = 0.5  # to connect, and to respond
_LONGEST_WINDOW_SECONDS: Final = 61.0  # a minute, and what rounding adds


class AddressCount(NamedTuple):
    """After one event: whether it was allowed, how many more are, in how many seconds all are again."""

    is_allowed: bool
    remaining: int
    reset_seconds: float


class AddressCounter:
    """Made and closed by `AddressLimiter`. With Redis its methods block for up to two seconds."""

    def __init__(
        self, events_per_minute: int, redis_url: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` gives Unix seconds."""
        self._item = RateLimitItemPerMinute(events_per_minute, namespace="gateway-address")
        self._clock = clock
        self._pool = _open_pool(redis_url) if redis_url else None
        options: dict[str, Any] = {"connection_pool": self._pool} if self._pool else {}  # declared as strings
        self._fixed_window = Limiter(
            key_func=str,  # of a request, which nothing here has
            strategy="fixed-window",
            storage_uri="redis://" if self._pool else "memory://",
            storage_options=options,
        ).limiter

    def count(self, event: str, address_key: str) -> AddressCount:
        """Counts one event. Raises `RedisError`."""
        count = self._count_in_window(event, address_key)
        if count.reset_seconds > _LONGEST_WINDOW_SECONDS:  # the clock was set back: start the minute again
            self._fixed_window.clear(self._item, event, address_key)
            count = self._count_in_window(event, address_key)
        return count

    def close(self) -> None:
        if self._pool is not None:
            self._pool.disconnect()

    def _count_in_window(self, event: str, address_key: str) -> AddressCount:
        is_allowed = self._fixed_window.hit(self._item, event, address_key)
        stats = self._fixed_window.get_window_stats(self._item, event, address_key)
        reset_seconds = stats.reset_time - self._clock()
        return AddressCount(is_allowed, stats.remaining, max(reset_seconds, 0))


def _open_pool(redis_url: str) -> ConnectionPool:
    return ConnectionPool.from_url(
        redis_url,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        retry=Retry(NoBackoff(), 1),  # a connection that Redis has closed is replaced
    )
