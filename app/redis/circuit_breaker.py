"""Stops calling Redis while it does not respond, and notices when it responds again.

Requests wait for a silent Redis once, for `timeout_seconds` at most. After that a task probes it in their
place, so no request waits. docs/decisions/0050 says why this is not a library.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

TIMEOUT_SECONDS: Final = 0.25
TICKS: Final = 10  # of a call's time
PROBE_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 5.0  # between two looks at a Redis that responds, whether or not it is called
CONNECT_SECONDS: Final = 2.0  # all connections
MAX_CALLS: Final = 8  # at once: a burst waits its turn here, where its time does not count against Redis

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

logger = logging.getLogger(__name__)


class RedisUnavailable(Exception):
    """Redis did not respond in time, refused, or was not called since it recently did so."""


class CircuitBreaker:
    """One for each Redis, event loop and `purpose`. `aclose` ends its task; the client stays open.

    `purpose` is what is not shared while it is open, in the plural.
    """

    def __init__(
        self,
        client: Redis,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Sleep = asyncio.sleep,
        *,
        purpose: str = "limits",
    ) -> None:
        self._client = client
        self._purpose = purpose
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._is_open = False
        self._turns = asyncio.Semaphore(MAX_CALLS)
        self._probe: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether Redis is not called at present."""
        return self._is_open

    async def call(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Raises `RedisUnavailable`."""
        async with self._turns:
            if self._is_open:
                raise RedisUnavailable
            try:
                return await self._within_time(operation)
            except (RedisError, OSError) as error:  # a TimeoutError is an OSError
                self._open(error)
                raise RedisUnavailable from error

    async def start(self) -> None:
        """Opens connections, and is open itself if Redis is unavailable. Notices later, too, when Redis stops
        responding while nothing calls it."""
        try:
            await self._connect()
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            self._open(error)
        self._watch = asyncio.create_task(self._look_often(), name="redis-watch")

    async def aclose(self) -> None:
        tasks = [task for task in (self._watch, self._probe) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _look_often(self) -> None:
        while True:
            await self._sleep(WATCH_SECONDS)
            with suppress(RedisUnavailable):
                await self.call(self._ping)

    async def _connect(self) -> None:
        """As many connections as calls may run at once: a burst has no time to. Raises `RedisError` and
        OSError."""
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.gather(*(self._ping() for _ in range(MAX_CALLS)))

    async def _within_time(self, operation: Callable[[], Awaitable[T]]) -> T:
        async with timeout_of_another(self._timeout_seconds):
            return await operation()

    def _open(self, error: Exception) -> None:
        if self._is_open:
            return
        self._is_open = True
        # The class alone: the text of the error may contain the address.
        logger.warning(
            "Redis is unavailable (%s); %s are no longer shared", type(error).__name__, self._purpose
        )
        self._probe = asyncio.create_task(self._probe_until_available(), name="redis-probe")

    async def _probe_until_available(self) -> None:
        # What broke one connection broke the others: each would open the circuit again at its next use.
        await self._client.connection_pool.disconnect(inuse_connections=False)
        while True:
            await self._sleep(PROBE_SECONDS)
            try:
                await self._within_time(self._ping)
                await self._connect()
            except (RedisError, OSError):
                continue
            self._is_open = False
            logger.warning("Redis is available again; %s are shared", self._purpose)
            return

    async def _ping(self) -> None:
        await self._client.ping()


@asynccontextmanager
async def timeout_of_another(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, for another process: the time in which this loop is busy does not count.

    A response that has arrived while the loop was busy would be taken for one that did not. A tick counts as
    long as it should be, however late it comes.
    """
    async with asyncio.timeout(None) as timeout:
        ticks = _Ticks(timeout, seconds / TICKS)
        try:
            yield
        finally:
            ticks.cancel()


class _Ticks:
    """After the last one the timeout is over. No closure: it would refer to itself until it is collected."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._seconds = seconds  # of each
        self._left = TICKS
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._tick)

    def cancel(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = self._loop.call_later(self._seconds, self._tick)
        else:
            self._timeout.reschedule(self._loop.time())
