"""A rate limit for each client address, for callers that are not signed in.

Counts calls of the token routes and failed authentications, each separately, per minute. Shared through
Redis when there is one. While Redis is unavailable each process counts alone: refusing every address would
lock out the operators too.
"""

import asyncio
import ipaddress
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

from app.errors import RateLimitExceeded
from app.limits.address_counter import AddressCount, AddressCounter
from app.networks import unmap_ipv4
from app.redis.circuit_breaker import RedisUnavailable
from app.redis.shared_redis import SharedRedis
from app.sentence import Sentence

_IPV6_NETWORK_BITS: Final = 64  # what one customer is given; counting single addresses counts nothing
_LOOPBACK: Final = "127.0.0.1"  # ::1 is the same machine
_MAX_BLOCKED: Final = 100_000  # addresses; about 20 MB
_SENTENCES: Final = {
    "calls": Sentence("Too many requests from this address. Wait for Retry-After seconds."),
    "failures": Sentence("Too many failed sign-ins from this address. Wait for Retry-After seconds."),
}

Counted = Literal["calls", "failures"]


class AddressLimiter:
    """Made at start, closed by `aclose`; used on the event loop's thread alone.

    slowapi blocks its thread while it waits for Redis, so it has one of its own. Blocked addresses are
    remembered here until their minute ends, so `check` does not call Redis.
    """

    def __init__(
        self,
        attempts_per_minute: int,
        redis: SharedRedis | None = None,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`redis` stays open when the limiter is closed."""
        self._redis = redis
        self._shared = AddressCounter(attempts_per_minute, redis.url, clock) if redis else None
        self._local = AddressCounter(attempts_per_minute, None, clock)
        self._monotonic = monotonic
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="address-limiter")
        # Calls wait for the thread here, before the circuit breaker measures how long Redis takes.
        self._thread_is_free = asyncio.Semaphore(1)
        self._blocked: dict[tuple[Counted, str], float] = {}  # until, monotonic; oldest block first

    async def acquire(self, address: str) -> None:
        """Count one call of a route that takes no access token. Raises RateLimitExceeded."""
        key = address_key(address)
        self._check("calls", key)
        count = await self._count("calls", key)
        if not count.is_allowed:
            self._block("calls", key, count.reset_seconds)
            self._check("calls", key)

    async def check(self, address: str) -> None:
        """Raises RateLimitExceeded for an address that failed to authenticate too often."""
        if self._blocked:
            self._check("failures", address_key(address))

    async def note_failure(self, address: str) -> None:
        """Count a failed authentication; the last one that is allowed blocks the address."""
        key = address_key(address)
        count = await self._count("failures", key)
        if count.remaining == 0:
            self._block("failures", key, count.reset_seconds)

    async def aclose(self) -> None:
        """Waits for a call of Redis that runs, at most two seconds; calls that have not begun are dropped."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
        if self._shared is not None:
            await asyncio.to_thread(self._shared.close)

    async def _count(self, counted: Counted, key: str) -> AddressCount:
        if self._redis is not None and self._shared is not None:
            loop, count = asyncio.get_running_loop(), self._shared.count
            try:
                async with self._thread_is_free:
                    return await self._redis.breaker.call(
                        lambda: loop.run_in_executor(self._executor, count, counted, key)
                    )
            except RedisUnavailable:
                pass
        return self._local.count(counted, key)

    def _block(self, counted: Counted, key: str, seconds: float) -> None:
        now = self._monotonic()
        if len(self._blocked) >= _MAX_BLOCKED:
            self._blocked = {who: until for who, until in self._blocked.items() if until > now}
        if len(self._blocked) >= _MAX_BLOCKED:
            del self._blocked[next(iter(self._blocked))]
        self._blocked[counted, key] = now + max(seconds, 1)

    def _check(self, counted: Counted, key: str) -> None:
        until = self._blocked.get((counted, key))
        if until is None:
            return
        seconds = until - self._monotonic()
        if seconds <= 0:
            del self._blocked[counted, key]
            return
        raise RateLimitExceeded(_SENTENCES[counted], retry_after_seconds=math.ceil(seconds))


def address_key(address: str) -> str:
    """What counts as one client: an IPv4 address, the /64 network of an IPv6 one, this machine."""
    try:
        parsed = ipaddress.ip_address(unmap_ipv4(address))
    except ValueError:
        return "unknown"  # a Unix socket; all of them are one client
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.is_loopback:
        return _LOOPBACK
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_NETWORK_BITS), strict=False))
