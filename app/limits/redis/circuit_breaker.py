"""Stops asking Redis while it does not answer, and notices when it does again.

Requests wait for a silent Redis once, for `timeout_seconds` at most; from then on a task asks for
them, so nobody else waits.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

TIMEOUT_SECONDS = 0.25
PROBE_SECONDS = 1.0
MAX_CALLS = 8  # at once: a burst waits its turn here, where its time does not count against Redis

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

logger = logging.getLogger(__name__)


class RedisAway(Exception):
    """Redis did not answer in time, refused, or was not asked because it did so a moment ago."""


class CircuitBreaker:
    """One per Redis client and event loop; `aclose` ends its task and leaves the client open."""

    def __init__(
        self,
        client: Redis,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._is_open = False
        self._turns = asyncio.Semaphore(MAX_CALLS)
        self._probe: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether Redis is left alone at the moment."""
        return self._is_open

    async def call(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Raises `RedisAway`."""
        async with self._turns:
            if self._is_open:
                raise RedisAway
            try:
                return await self._within_time(operation)
            except (RedisError, OSError) as error:  # a TimeoutError is an OSError
                self._open(error)
                raise RedisAway from error

    async def aclose(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait([self._probe])

    async def _within_time(self, operation: Callable[[], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._timeout_seconds):
            return await operation()

    def _open(self, error: Exception) -> None:
        if self._is_open:
            return
        self._is_open = True
        # The class alone: the text of the error may hold the address.
        logger.warning("Redis is away (%s); limits are no longer shared", type(error).__name__)
        self._probe = asyncio.create_task(self._probe_until_back(), name="redis-probe")

    async def _probe_until_back(self) -> None:
        while True:
            await self._sleep(PROBE_SECONDS)
            try:
                await self._within_time(self._ping)
            except (RedisError, OSError):
                continue
            self._is_open = False
            logger.warning("Redis is back; limits are shared again")
            return

    async def _ping(self) -> None:
        await self._client.ping()
