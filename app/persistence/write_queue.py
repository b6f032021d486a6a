"""The order in which transactions of this process write, of which few run at a time.

SQLite has one writer at a time and no queue: a writer that finds the file locked sleeps up to 0.1 s and
tries again. Under load some transactions lose that race for seconds while later ones win it. Here they wait
in order, and do not hold a connection meanwhile. On PostgreSQL, refreshed tokens wait here for one of a few
turns: otherwise a flood of them takes all connections, and revocations are not read.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from app.errors import DatabaseBusy
from app.work_pace import WorkPace

MAX_WAITING: Final = 32  # more are refused if `refuse_when_busy`: a second or two of refreshed tokens
MAX_WAIT_SECONDS: Final = 2.0  # if `refuse_when_busy`
LONGEST_WAIT_SECONDS: Final = 10.0  # for changes by operators, and usage
FIRST_SECONDS: Final = 0.01  # of a transaction, before one has ended


class WriteQueue:
    """One per `Database`, in one event loop."""

    def __init__(
        self,
        max_waiting: int = MAX_WAITING,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        turns: int = 1,
    ) -> None:
        """`turns` transactions run at once."""
        self._max_waiting = max_waiting
        self._max_wait_seconds = max_wait_seconds
        self._longest_wait_seconds = longest_wait_seconds
        self._turns = turns
        self._free_turns = asyncio.Semaphore(turns)  # first come, first served
        self._waiting = 0
        self._clock = clock
        self._pace = WorkPace(FIRST_SECONDS)

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
            raise self._refusal()
        self._waiting += 1
        try:
            async with asyncio.timeout(
                self._max_wait_seconds if refuse_when_busy else self._longest_wait_seconds
            ):
                await self._free_turns.acquire()
        except TimeoutError:
            raise self._refusal() from None
        finally:
            self._waiting -= 1
        began_at = self._clock()
        try:
            yield
        finally:
            self._pace.add(self._clock() - began_at)
            self._free_turns.release()

    def _refusal(self) -> DatabaseBusy:
        """With the time that the queue takes at the measured rate."""
        return DatabaseBusy(
            retry_after_seconds=self._pace.retry_after_seconds(self._waiting // self._turns + 1)
        )
