"""The order in which transactions of this process write to a SQLite file.

SQLite has one writer at a time and no queue: a writer that finds the file locked sleeps up to 0.1 s and
tries again. Under load some transactions lose that race for seconds while later ones win it. Here they wait
in order, and do not hold a connection meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from app.errors import DatabaseBusy

MAX_WAITING: Final = 32  # more are refused if `refuse_when_busy`: a second or two of refreshed tokens
MAX_WAIT_SECONDS: Final = 2.0  # if `refuse_when_busy`
LONGEST_WAIT_SECONDS: Final = 10.0  # for changes by operators, and usage
RETRY_SECONDS: Final = 1


class WriteQueue:
    """One per `Database`, in one event loop."""

    def __init__(
        self,
        max_waiting: int = MAX_WAITING,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    ) -> None:
        self._max_waiting = max_waiting
        self._max_wait_seconds = max_wait_seconds
        self._longest_wait_seconds = longest_wait_seconds
        self._lock = asyncio.Lock()  # first come, first served
        self._waiting = 0

    @property
    def waiting(self) -> int:
        return self._waiting

    @asynccontextmanager
    async def turn(self, *, refuse_when_busy: bool = False) -> AsyncIterator[None]:
        """Wait for the turn. Raises `DatabaseBusy` after a long wait.

        With `refuse_when_busy` also at once if the queue is full: requests that anyone can send must not
        make operators wait.
        """
        if refuse_when_busy and self._waiting >= self._max_waiting:
            raise DatabaseBusy(retry_after_seconds=RETRY_SECONDS)
        self._waiting += 1
        try:
            async with asyncio.timeout(
                self._max_wait_seconds if refuse_when_busy else self._longest_wait_seconds
            ):
                await self._lock.acquire()
        except TimeoutError:
            raise DatabaseBusy(retry_after_seconds=RETRY_SECONDS) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()
