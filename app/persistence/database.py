"""The connection pool and its transactions, on SQLite or PostgreSQL by URL.

Connects and commits; does not know any table.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import in_greenlet

from app.errors import DatabaseUnavailable
from app.persistence.connection_check import ConnectionCheck
from app.persistence.write_queue import WriteQueue

CONNECT_SECONDS = 5
COMMAND_SECONDS = 10
REFRESH_TURNS = 6  # of PostgreSQL's 15 connections; the others are for everything else
MAX_REFRESHES_WAITING = 256  # for a turn on PostgreSQL: one to two seconds of them
BUSY_TIMEOUT_MS = 5_000  # how long a SQLite writer waits for another process
WAL_RETRY_SECONDS = 0.01
READ_ONLY = {"gateway_read_only": True, "postgresql_readonly": True}
ONE_SNAPSHOT = {"isolation_level": "REPEATABLE READ"}  # as on SQLite
_ASYNC_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}
# SQLSTATE classes: connection, authorization, no such database, rolled back by the server,
# resources, intervention, system
_UNAVAILABLE_SQLSTATES = ("08", "28", "3D", "40", "53", "57", "58")


class Database:
    """Opened and closed by `app/lifespan.py` or one command; used from the event loop's thread."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        is_sqlite = self._engine.dialect.name == "sqlite"
        self._writes = WriteQueue() if is_sqlite else WriteQueue(MAX_REFRESHES_WAITING, turns=REFRESH_TURNS)
        self._queues_every_write = is_sqlite
        options = READ_ONLY if is_sqlite else READ_ONLY | ONE_SNAPSHOT
        self._read_only_sessions = async_sessionmaker(
            self._engine.execution_options(**options), expire_on_commit=False
        )

    @asynccontextmanager
    async def session(
        self, *, read_only: bool = False, refuse_when_busy: bool = False
    ) -> AsyncIterator[AsyncSession]:
        """One transaction, committed when the block ends, rolled back when it raises.

        A read-only transaction sees the database as it was at its first statement. On SQLite a writing
        transaction holds the write lock from its first statement, so that what it read is still true when
        it writes; the others of this process wait for it in order. On PostgreSQL, transactions with
        `refuse_when_busy` wait for one of a few turns.

        Raises `DatabaseUnavailable` if the database cannot be reached, is shutting down or aborts the
        transaction, and `DatabaseBusy`, as `WriteQueue.turn` does.
        """
        sessions = self._read_only_sessions if read_only else self._sessions
        waits = not read_only and (self._queues_every_write or refuse_when_busy)
        turn = self._writes.turn(refuse_when_busy=refuse_when_busy) if waits else nullcontext()
        with database_errors():
            async with turn, sessions() as db_session, db_session.begin():
                yield db_session

    async def aclose(self) -> None:
        await self._engine.dispose()


def create_engine(url: str, *, command_seconds: float | None = COMMAND_SECONDS) -> AsyncEngine:
    """An engine whose transactions behave alike on both databases. Connects at first use.

    A SQLite file and its directory are created then, readable only by their owner.
    """
    parsed = _with_async_driver(make_url(url))
    if parsed.get_backend_name() != "sqlite":
        engine = create_async_engine(
            parsed,
            pool_timeout=CONNECT_SECONDS,
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": command_seconds},
        )
        ConnectionCheck(engine.sync_engine)
        return engine
    # The driver begins a transaction at the first write, which is too late: ours send BEGIN themselves.
    engine = create_async_engine(parsed, pool_timeout=CONNECT_SECONDS, connect_args={"isolation_level": None})
    event.listen(engine.sync_engine, "do_connect", lambda *_: _create_sqlite_file(parsed))
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "invalidate", _end_transaction)
    return engine


@contextmanager
def database_errors() -> Iterator[None]:
    """Raises `DatabaseUnavailable` for errors that end with time or need an operator."""
    try:
        yield
    except (OSError, PoolTimeout) as error:
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if _is_unavailable(error):
            raise DatabaseUnavailable from error
        raise


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite URL; None for a server or a database in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    assert url.database is not None
    return Path(url.database)


def _with_async_driver(url: URL) -> URL:
    """Operators write `postgres://` and `sqlite://`; for each there is one asynchronous driver."""
    driver = _ASYNC_DRIVERS.get(url.drivername)
    return url.set(drivername=driver) if driver else url


def _create_sqlite_file(url: URL) -> None:
    path = sqlite_path(url)
    if path is None or path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # -wal and -shm inherit the mode


def _configure_sqlite(connection: AsyncAdapt_aiosqlite_connection, record: ConnectionPoolEntry) -> None:
    connection.run_async(_set_pragmas)


async def _set_pragmas(connection: aiosqlite.Connection) -> None:
    await connection.execute_fetchall(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    await _write_ahead(connection)
    await connection.execute("PRAGMA synchronous = NORMAL")  # with WAL, a killed process loses nothing
    await connection.execute("PRAGMA foreign_keys = ON")


async def _write_ahead(connection: aiosqlite.Connection) -> None:
    """Retries, because SQLite ignores its busy timeout here while another process writes the same new file.

    An engine opens its first connections one after another, so their waits add up.
    """
    give_up_at = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            await connection.execute_fetchall("PRAGMA journal_mode = WAL")  # done when its row is read
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                raise
            await asyncio.sleep(WAL_RETRY_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    is_read_only = connection.get_execution_options().get("gateway_read_only", False)
    connection.exec_driver_sql("BEGIN" if is_read_only else "BEGIN IMMEDIATE")


def _end_transaction(
    connection: AsyncAdapt_aiosqlite_connection, record: ConnectionPoolEntry, error: BaseException | None
) -> None:
    """After a cancelled statement. SQLite defers the end of a connection that has unread rows, and with it
    the end of its transaction, until the cursor is collected: nobody could write meanwhile."""
    if in_greenlet():
        connection.rollback()


def _is_unavailable(error: DBAPIError) -> bool:
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return True
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return str(sqlstate).startswith(_UNAVAILABLE_SQLSTATES)
