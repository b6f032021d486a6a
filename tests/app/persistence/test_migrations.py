"""Migrations up and down on both databases, and several processes that start together."""

import asyncio
from collections.abc import Callable

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.errors import DatabaseUnavailable
from app.persistence.database import Database
from app.persistence.migrations import (
    is_up_to_date,
    migration_config,
    migration_transaction,
    upgrade_database,
)
from app.persistence.tables import Base

pytestmark = pytest.mark.anyio

SCRIPTS = ScriptDirectory.from_config(migration_config())
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]  # oldest first

Schema = dict[str, list[str]]  # of each table: columns, indexes and foreign keys, as comparable text


async def migrate(url: str, step: Callable[[Config], None]) -> Schema:
    """Runs an alembic command as `gateway db upgrade` does; returns what the database then has."""

    def run(connection: Connection) -> Schema:
        config = migration_config()
        config.attributes["connection"] = connection
        step(config)
        return schema_of(connection)

    async with migration_transaction(url) as connection:
        return await connection.run_sync(run)


def schema_of(connection: Connection) -> Schema:
    inspector = inspect(connection)
    schema = {}
    for table in inspector.get_table_names():
        if table != "alembic_version":
            columns = [
                f"{column['name']} {column['type']!r} {column['nullable']}"
                for column in inspector.get_columns(table)
            ]
            indexes = [f"{index['name']} {index['column_names']}" for index in inspector.get_indexes(table)]
            keys = [str(key["name"]) for key in inspector.get_foreign_keys(table)]
            schema[table] = sorted(columns) + sorted(indexes) + sorted(keys)
    return schema


async def test_tables_are_those_that_the_code_declares(database_url: str) -> None:
    await upgrade_database(database_url)
    schema = await migrate(database_url, command.check)
    assert set(schema) == set(Base.metadata.tables)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_migration_is_undone_by_its_downgrade(database_url: str, revision: str) -> None:
    parent = str(SCRIPTS.get_revision(revision).down_revision or "base")
    if parent != "base":
        await migrate(database_url, lambda config: command.upgrade(config, parent))
    before = await migrate(database_url, lambda config: command.downgrade(config, parent))
    applied = await migrate(database_url, lambda config: command.upgrade(config, revision))
    undone = await migrate(database_url, lambda config: command.downgrade(config, parent))
    again = await migrate(database_url, lambda config: command.upgrade(config, revision))
    assert undone == before
    assert again == applied != before


async def test_upgrades_that_start_together_all_succeed(database_url: str) -> None:
    await asyncio.gather(*(upgrade_database(database_url) for _ in range(5)))
    database = Database(database_url)
    assert await is_up_to_date(database)
    await database.aclose()


async def test_upgrade_that_fails_leaves_nothing_behind(database_url: str) -> None:
    def fail_at_the_end(config: Config) -> None:
        command.upgrade(config, "head")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await migrate(database_url, fail_at_the_end)
    assert await migrate(database_url, command.current) == {}


async def test_database_of_another_version_is_not_up_to_date(database_url: str) -> None:
    database = Database(database_url)
    assert not await is_up_to_date(database)
    await migrate(database_url, lambda config: command.upgrade(config, REVISIONS[0]))
    assert not await is_up_to_date(database)
    await upgrade_database(database_url)
    assert await is_up_to_date(database)
    await database.aclose()


async def test_upgrade_of_a_database_that_is_away_says_so() -> None:
    with pytest.raises(DatabaseUnavailable):
        await upgrade_database("postgresql+asyncpg://gateway:password@127.0.0.1:1/gateway")
