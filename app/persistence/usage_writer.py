"""Stores what requests used, in groups off the request path, and loses nothing when the database is away.

Each group is first appended to a file, then inserted, then the file is emptied. So a killed process
loses what came after the last group, 0.1 s; a row that was inserted twice is stored once, by its id.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from app.errors import DatabaseUnavailable
from app.persistence.database import Database
from app.persistence.tables import MODEL_NAME_LENGTH, ROUTE_LENGTH
from app.persistence.usage import Row, add_usage, moment_text
from app.persistence.usage_spool import MAX_BYTES, UsageSpool

INTERVAL_SECONDS = 0.1  # leaves as much again for a slow disk, of the 0.2 s that a kill may cost
RETRY_SECONDS = 1.0  # while the database is away
MAX_PENDING = 20_000  # several seconds of the busiest gateway, should a disk or database stall

logger = logging.getLogger(__name__)


class UsageRecord(NamedTuple):
    """One generation. `at` is when it ended. A tuple, being made on every request: a frozen dataclass
    takes five times as long."""

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

    `written`, `spooled` and `dropped` count records since the start: in the database, put aside in
    the file because the database was away, lost because the file was full too.
    """

    def __init__(
        self,
        database: Database,
        spool_path: Path,
        *,
        max_pending: int = MAX_PENDING,
        max_spool_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._spool = UsageSpool(spool_path, max_bytes=max_spool_bytes)
        self._max_pending = max_pending
        self._clock = clock
        self._pending: list[UsageRecord] = []
        self._flushing = asyncio.Lock()
        self._is_closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._retry_at = float("-inf")
        self._is_database_away = False
        self._ids = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(4)}"  # of this process
        self._taken = 0
        self.written = 0
        self.spooled = 0
        self.dropped = 0

    async def start(self) -> None:
        """Raises OSError when the file cannot be opened."""
        await asyncio.to_thread(self._spool.open)
        self._task = asyncio.create_task(self._run(), name="usage-writer")

    async def aclose(self) -> None:
        """What is left is stored, or kept in the file for the next start."""
        if self._task is not None:
            self._is_closing.set()
            await self._task
            self._task = None
            self._retry_at = float("-inf")
            await self.flush()
        await asyncio.to_thread(self._spool.close)

    def record(self, record: UsageRecord) -> None:
        if len(self._pending) < self._max_pending:
            self._pending.append(record)
        else:
            self.dropped += 1

    async def flush(self) -> None:
        """Stores what was recorded, and what an outage or the process before this one left behind."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        rows = self._take_pending()
        has_backlog = not self._spool.is_empty
        if not rows and not has_backlog:
            return
        is_kept = await asyncio.to_thread(self._spool.append, rows)
        stored = None
        if self._clock() >= self._retry_at:
            # What the file kept is read from there with the rest, in order.
            not_in_file = [] if has_backlog and is_kept else rows
            stored = await self._store(not_in_file, reads_file=has_backlog)
        if stored is not None:
            self.written += stored
            await asyncio.to_thread(self._spool.clear)
        elif is_kept:
            self.spooled += len(rows)
        else:
            self.dropped += len(rows)

    async def _run(self) -> None:
        while not self._is_closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), INTERVAL_SECONDS)
            try:
                await self.flush()
            except Exception:  # the writer must outlive whatever one group met
                logger.exception("a group of usage records was not stored")

    def _take_pending(self) -> list[Row]:
        records, self._pending = self._pending, []
        first = self._taken
        self._taken += len(records)
        return [_row_of(record, f"{self._ids}{number:010x}") for number, record in enumerate(records, first)]

    async def _store(self, rows: Sequence[Row], *, reads_file: bool) -> int | None:
        """How many rows the database took; None when it is away."""
        stored = 0
        try:
            if rows:
                stored += await self._insert(rows)
            if reads_file:
                groups = self._spool.groups()
                while group := await asyncio.to_thread(next, groups, None):
                    stored += await self._insert(group)
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            self._retry_at = self._clock() + RETRY_SECONDS
            if not self._is_database_away:
                self._is_database_away = True
                logger.warning("usage is put aside: database away", extra={"reason": type(error).__name__})
            return None
        if self._is_database_away:
            self._is_database_away = False
            logger.info("usage is stored again")
        return stored

    async def _insert(self, rows: Sequence[Row]) -> int:
        async with self._database.session() as db_session:
            await add_usage(db_session, rows)
        return len(rows)


def _row_of(record: UsageRecord, row_id: str) -> Row:
    return {
        "id": row_id,
        "request_id": record.request_id,
        "at": moment_text(record.at),
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
