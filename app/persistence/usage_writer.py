"""Stores usage in groups, outside of requests; an outage of the database loses nothing.

Every 0.1 s a group is appended to a file, whatever the state of the database. Every 0.5 s the rows in the
file are inserted, then the file is emptied. So a killed process loses only what followed the last group, and
a row that is inserted twice is stored once, by its id. While the file cannot be written, because the disk is
full or read-only, groups stay in memory, up to a bound, and are stored when the file or the database can be
written again.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from app.errors import DatabaseUnavailable
from app.persistence.database import Database
from app.persistence.tables import MODEL_NAME_LENGTH, ROUTE_LENGTH
from app.persistence.usage import Row, add_usage, datetime_text
from app.persistence.usage_spool import MAX_BYTES, UsageSpool

INTERVAL_SECONDS = 0.1  # a kill may lose 0.2 s: as much again remains for a slow disk
GROUPS_PER_INSERT = 5  # one transaction for each group would take a third more processor time
RETRY_SECONDS = 1.0  # while the database is unavailable or the file cannot be written
MAX_PENDING = 20_000  # several seconds of a busy gateway, if the disk or the database stalls
MAX_IN_MEMORY = 50_000  # rows, about 45 MB
GROUP_ROWS = 1_000

logger = logging.getLogger(__name__)


class UsageRecord(NamedTuple):
    """One generation. `at` is when it ended.

    A tuple, since every request creates one: a frozen dataclass takes five times as long.
    """

    request_id: str
    at: datetime
    user_id: str
    route: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    queue_ms: int
    ttft_ms: int | None
    total_ms: int
    outcome: str


class UsageWriter:
    """Started and closed by `app/lifespan.py`; used on the event loop's thread.

    `written`, `spooled` and `dropped` count records since the start: stored in the database; kept in the file
    because the database was unavailable; lost because neither could be written and memory was full.
    """

    def __init__(
        self,
        database: Database,
        spool_path: Path,
        *,
        max_pending: int = MAX_PENDING,
        max_in_memory: int = MAX_IN_MEMORY,
        max_spool_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._spool = UsageSpool(spool_path, max_bytes=max_spool_bytes)
        self._max_pending = max_pending
        self._max_in_memory = max_in_memory
        self._clock = clock
        self._pending: list[UsageRecord] = []
        self._appending = asyncio.Lock()
        self._storing = asyncio.Lock()
        self._stored_bytes = 0  # of the file, from its start
        self._rows_in_file = 0  # and not in the database yet
        self._unwritten: deque[Row] = deque()  # being written to the file, or waiting for it
        self._is_closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._retry_at = float("-inf")
        self._file_retry_at = float("-inf")
        self._is_file_failing = False
        self._dropped_before_failure = 0  # before the file failed
        self._is_database_unavailable = False
        self._ids = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(4)}"  # of this process
        self._numbered = 0
        self.written = 0
        self.spooled = 0
        self.dropped = 0

    @property
    def is_database_unavailable(self) -> bool:
        """Whether the last insert failed."""
        return self._is_database_unavailable

    @property
    def is_file_failing(self) -> bool:
        """Whether rows are only in memory: a kill would lose them."""
        return self._is_file_failing

    @property
    def in_memory(self) -> int:
        """Rows that are neither in the file nor in the database."""
        return len(self._unwritten) + len(self._pending)

    async def start(self) -> None:
        """Raises OSError when the file cannot be opened."""
        await asyncio.to_thread(self._spool.open)
        self._task = asyncio.create_task(self._run(), name="usage-writer")

    async def aclose(self) -> None:
        """Store the remaining rows, or leave them in the file for the next start. Else they are lost."""
        if self._task is not None:
            self._is_closing.set()
            await self._task
            self._task = None
            self._retry_at = self._file_retry_at = float("-inf")
            await self.flush()
            if self._unwritten:
                self.dropped += len(self._unwritten)
                logger.error("usage is lost on shutdown", extra={"records": len(self._unwritten)})
                self._unwritten.clear()
        await asyncio.to_thread(self._spool.close)

    def record(self, record: UsageRecord) -> None:
        if len(self._pending) < self._max_pending:
            self._pending.append(record)
        else:
            self.dropped += 1

    async def flush(self) -> None:
        """Store what was recorded, and what an outage or an earlier process left in the file."""
        await self._write_to_file()
        await self._store()

    async def store_all(self) -> None:
        """Store what was recorded until now. Raises `DatabaseUnavailable`, and goes on trying later."""
        await self.flush()
        if self._clock() < self._retry_at:
            raise DatabaseUnavailable

    async def _run(self) -> None:
        storing: asyncio.Task[None] | None = None
        groups = 0
        while not self._is_closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), INTERVAL_SECONDS)
            await self._write_to_file()
            # A kill would lose what is not in the file: the database is to have it soon.
            is_due = groups % GROUPS_PER_INSERT == 0 or self._is_file_failing
            groups += 1
            if is_due and (storing is None or storing.done()):
                storing = asyncio.create_task(self._store(), name="usage-store")
        if storing is not None:
            await storing

    async def _write_to_file(self) -> None:
        """Append what was recorded to the file, without waiting for the database."""
        async with self._appending:
            self._unwritten += self._take_pending()
            if self._clock() >= self._file_retry_at:
                await self._append_unwritten()
            while len(self._unwritten) > self._max_in_memory:
                self._unwritten.pop()
                self.dropped += 1

    async def _append_unwritten(self) -> None:
        while rows := self._take_unwritten():
            if not await asyncio.to_thread(self._spool.append, rows):
                self._unwritten.extendleft(reversed(rows))
                self._record_file_failure()
                return
            self._rows_in_file += len(rows)
            if self._is_database_unavailable:
                self.spooled += len(rows)
            self._record_file_recovery()
        if self._is_file_failing:  # and the database has stored what was in memory
            if await asyncio.to_thread(self._spool.probe):
                self._record_file_recovery()
            else:
                self._record_file_failure()

    async def _store(self) -> None:
        """Insert what is in the file, and what could not be written to it."""
        async with self._storing:
            if self._clock() < self._retry_at:
                return
            try:
                await self._insert_all()
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                self._record_outage(error)
            except Exception:  # the writer must continue whatever happens to one group
                self._retry_at = self._clock() + RETRY_SECONDS
                logger.exception("a group of usage records was not stored")

    async def _insert_all(self) -> None:
        await self._insert_unwritten()
        while (end := self._spool.size) > self._stored_bytes:
            rows, next_row = await asyncio.to_thread(self._spool.read_group, self._stored_bytes, end)
            await self._insert(rows)
            self._stored_bytes = next_row
        async with self._appending:
            if self._spool.size == self._stored_bytes:
                await asyncio.to_thread(self._spool.clear)
                self._stored_bytes = self._rows_in_file = 0
        if self._is_database_unavailable:
            self._is_database_unavailable = False
            logger.info("usage is stored again")

    async def _insert_unwritten(self) -> None:
        """Insert from memory while the file cannot be written, so that a full disk alone loses nothing."""
        while self._is_file_failing:
            async with self._appending:
                rows = self._take_unwritten()
            if not rows:
                return
            try:
                await self._insert(rows)
            except BaseException:
                self._unwritten.extendleft(reversed(rows))
                raise

    def _take_unwritten(self) -> list[Row]:
        return [self._unwritten.popleft() for _ in range(min(GROUP_ROWS, len(self._unwritten)))]

    async def _insert(self, rows: Sequence[Row]) -> None:
        if rows:
            async with self._database.session() as db_session:
                await add_usage(db_session, rows)
            self.written += len(rows)

    def _record_outage(self, error: Exception) -> None:
        self._retry_at = self._clock() + RETRY_SECONDS
        if not self._is_database_unavailable:
            self._is_database_unavailable = True
            self.spooled += self._rows_in_file
            logger.warning(
                "usage is set aside: the database is unavailable", extra={"reason": type(error).__name__}
            )

    def _record_file_failure(self) -> None:
        self._file_retry_at = self._clock() + RETRY_SECONDS
        if not self._is_file_failing:
            self._is_file_failing, self._dropped_before_failure = True, self.dropped
            logger.error(
                "usage is kept in memory only: its file cannot be written",
                extra={"reason": self._spool.failure, "most_records": self._max_in_memory},
            )

    def _record_file_recovery(self) -> None:
        if self._is_file_failing:
            self._is_file_failing = False
            lost = self.dropped - self._dropped_before_failure
            logger.info("usage is written to its file again", extra={"lost_records": lost})

    def _take_pending(self) -> list[Row]:
        records, self._pending = self._pending, []
        first = self._numbered
        self._numbered += len(records)
        return [_row_of(record, f"{self._ids}{number:010x}") for number, record in enumerate(records, first)]


def _row_of(record: UsageRecord, row_id: str) -> Row:
    return {
        "id": row_id,
        "request_id": record.request_id,
        "at": datetime_text(record.at),
        "user_id": record.user_id,
        "route": record.route[:ROUTE_LENGTH],
        "model": record.model[:MODEL_NAME_LENGTH],
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "queue_ms": record.queue_ms,
        "ttft_ms": record.ttft_ms,
        "total_ms": record.total_ms,
        "outcome": record.outcome,
    }
