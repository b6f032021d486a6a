"""A brake per client address for those who are not signed in, kept by slowapi.

Counts calls of the token routes and failed authentications, each for itself, per minute. Shared
through Redis when there is one; while it is away each process counts alone, since a brake that fails
shut would lock everybody out.
"""

import asyncio
import ipaddress
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry
from slowapi import Limiter

from app.errors import RateLimitExceeded
from app.networks import unmapped

_IPV6_NETWORK_BITS: Final = 64  # what one customer is given; counting single addresses counts nothing
_LOOPBACK: Final = "127.0.0.1"  # ::1 is the same machine
_REDIS_SECONDS: Final = 0.5  # to connect, and to answer
_REDIS_RETRY_SECONDS: Final = 5.0  # during which a silent Redis is left alone
_LONGEST_WINDOW_SECONDS: Final = 61.0  # a minute, and what rounding adds
_MEMORY: Final = "memory://"
_MAX_BLOCKED: Final = 100_000  # addresses; about 20 MB
_SENTENCES: Final = {
    "calls": "Too many requests from this address. Wait for Retry-After seconds.",
    "failures": "Too many failed sign-ins from this address. Wait for Retry-After seconds.",
}

Counted = Literal["calls", "failures"]

logger = logging.getLogger(__name__)


class AddressLimiter:
    """Made at start, closed by `aclose`; used on the event loop's thread alone.

    slowapi's storage blocks: with Redis it is asked in a thread of our own, so that a Redis which says
    nothing holds up nobody else's work. Who is blocked is remembered here until the minute is over, so
    `check` asks nobody.
    """

    def __init__(
        self,
        attempts_per_minute: int,
        redis_url: str | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = RateLimitItemPerMinute(attempts_per_minute, namespace="gateway-address")
        self._local = _slowapi_limiter(_MEMORY)
        self._shared = _slowapi_limiter(redis_url) if redis_url else None
        self._monotonic = monotonic
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="address-limiter")
        self._ask_redis_again_at = 0.0  # written in that thread
        self._blocked: dict[tuple[Counted, str], float] = {}  # until, monotonic; oldest block first

    async def acquire(self, address: str) -> None:
        """Count one call of a route that takes no access token. Raises RateLimitExceeded."""
        key = address_key(address)
        self._check("calls", key)
        is_allowed, _, reset_seconds = await self._count("calls", key)
        if not is_allowed:
            self._block("calls", key, reset_seconds)
            self._check("calls", key)

    async def check(self, address: str) -> None:
        """Raises RateLimitExceeded for an address that failed to authenticate too often."""
        if self._blocked:
            self._check("failures", address_key(address))

    async def note_failure(self, address: str) -> None:
        """Count a failed authentication; the last one that is allowed blocks the address."""
        key = address_key(address)
        _, remaining, reset_seconds = await self._count("failures", key)
        if remaining == 0:
            self._block("failures", key, reset_seconds)

    async def aclose(self) -> None:
        """Waits for the question that Redis is asked, at most a second; what only waits is dropped."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
        if self._shared is not None:
            storage = self._shared.limiter.storage
            assert isinstance(storage, RedisStorage)
            await asyncio.to_thread(storage.storage.close)

    async def _count(self, counted: Counted, key: str) -> tuple[bool, int, float]:
        """Whether it is allowed, how many more are, and in how many seconds all are again."""
        if self._shared is not None and self._monotonic() >= self._ask_redis_again_at:
            loop = asyncio.get_running_loop()
            count = await loop.run_in_executor(self._executor, self._hit_shared, self._shared, counted, key)
            if count is not None:
                return count
        return self._hit(self._local, counted, key)

    def _hit_shared(self, shared: Limiter, counted: Counted, key: str) -> tuple[bool, int, float] | None:
        """None while Redis is away. One at a time: of many behind a silent Redis only the first waits."""
        if self._monotonic() < self._ask_redis_again_at:
            return None
        try:
            return self._hit(shared, counted, key)
        except StorageError as error:
            # The class alone: the text of the error may hold the address of Redis.
            cause = type(error.storage_error).__name__
            logger.warning("Redis is away (%s); addresses are counted by this process", cause)
            self._ask_redis_again_at = self._monotonic() + _REDIS_RETRY_SECONDS
            return None

    def _hit(self, limiter: Limiter, counted: Counted, key: str) -> tuple[bool, int, float]:
        is_allowed = limiter.limiter.hit(self._limit, counted, key)
        stats = limiter.limiter.get_window_stats(self._limit, counted, key)
        reset_seconds = stats.reset_time - time.time()
        if reset_seconds > _LONGEST_WINDOW_SECONDS:  # the clock was set back; nobody waits that long
            limiter.limiter.clear(self._limit, counted, key)
            return self._hit(limiter, counted, key)
        return is_allowed, stats.remaining, max(reset_seconds, 0)

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
    """What is counted as one client: an IPv4 address, the /64 network of an IPv6 one, this machine."""
    try:
        parsed = ipaddress.ip_address(unmapped(address))
    except ValueError:
        return "unknown"  # a Unix socket; all of them are one client
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.is_loopback:
        return _LOOPBACK
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_NETWORK_BITS), strict=False))


def _slowapi_limiter(storage_url: str) -> Limiter:
    options: dict[str, Any] = {"wrap_exceptions": True}  # slowapi declares strings, hands on anything
    if storage_url.startswith("unix:"):
        storage_url = f"redis+{storage_url}"
    if storage_url != _MEMORY:
        options |= {
            "socket_timeout": _REDIS_SECONDS,
            "socket_connect_timeout": _REDIS_SECONDS,
            "retry": Retry(NoBackoff(), 0),
        }
    return Limiter(
        key_func=address_key, strategy="fixed-window", storage_uri=storage_url, storage_options=options
    )
