"""Migrates a database to the tables of this version, also when several processes start together.

The migrations themselves are in `alembic/versions`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.persistence.database import Database, create_engine, database_errors
from app.shipped_files import shipped_directory

ADVISORY_LOCK_KEY = 0x6761746577617901  # any number that no other program on the server uses
SQLITE_LOCK_MS = 60_000  # how long a process waits for the migrations of another


async def upgrade_database(url: str) -> None:
    """Apply all missing migrations, or none. Raises `DatabaseUnavailable`."""
    async with migration_transaction(url) as connection:
        await connection.run_sync(_run_upgrade)


async def is_up_to_date(database: Database) -> bool:
    """Whether the database has exactly the tables of this version.

    Raises `DatabaseUnavailable`.
    """
    async with database.session(read_only=True) as db_session:
        connection = await db_session.connection()
        return await connection.run_sync(_current_revision) == _newest_revision()


def migration_config() -> Config:
    """The settings of `alembic.ini`, which an installed package does not have."""
    config = Config()
    config.set_main_option("script_location", str(shipped_directory("alembic")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@asynccontextmanager
async def migration_transaction(url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction that only one process at a time can begin; the others wait.

    Raises `DatabaseUnavailable`.
    """
    engine = create_engine(url, command_seconds=None)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite_rebuilds)
    try:
        with database_errors():
            async with engine.begin() as connection:  # SQLite's BEGIN IMMEDIATE is the lock
                if not is_sqlite:
                    lock = text("SELECT pg_advisory_xact_lock(:key)")
                    await connection.execute(lock, {"key": ADVISORY_LOCK_KEY})
                yield connection
    finally:
        await engine.dispose()


def _run_upgrade(connection: Connection) -> None:
    if _current_revision(connection) == _newest_revision():
        return  # without reading and running what Alembic needs to find that out
    config = migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@cache
def _newest_revision() -> str | None:
    """Read once per process: what is shipped does not change."""
    return ScriptDirectory.from_config(migration_config()).get_current_head()


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _prepare_sqlite_rebuilds(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_LOCK_MS}")
    cursor.execute(
        "PRAGMA foreign_keys = OFF"
    )  # dropping a table that is rebuilt would delete rows that refer to it
    cursor.close()
