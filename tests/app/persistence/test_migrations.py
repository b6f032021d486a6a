"""Migrations up and down on both databases, and several processes that start together."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, insert, inspect, text

from app.errors import DatabaseUnavailable
from app.persistence.account_changes import newest_change_number, special_users, users_changed_after
from app.persistence.database import Database
from app.persistence.migrations import (
    is_up_to_date,
    migration_config,
    migration_transaction,
    upgrade_database,
)
from app.persistence.revocations import revocations_added_after, revocations_expiring_after
from app.persistence.tables import Base, UserRow

pytestmark = pytest.mark.anyio

SCRIPTS = ScriptDirectory.from_config(migration_config())
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]  # oldest first

Schema = dict[str, list[str]]  # of each table: columns, indexes and foreign keys, as comparable text


async def migrate(url: str, step: Callable[[Config], None]) -> Schema:
    """Run an alembic command as `gateway db upgrade` does. Returns the resulting schema."""

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


async def test_existing_rows_are_older_than_every_numbered_change(database_url: str) -> None:
    now = datetime.now(UTC)

    def add_rows(connection: Connection) -> None:
        old = MetaData()
        old.reflect(connection, only=["users", "revocations"])
        user = {"is_disabled": True, "note": "", "created_at": now, "changed_at": now}
        connection.execute(insert(old.tables["users"]), [user | {"id": "usr_1", "name": "ada"}])
        revocation = {"kind": "token", "not_after": now, "created_at": now, "expires_at": now}
        connection.execute(insert(old.tables["revocations"]), [revocation | {"subject": "tok_1"}])

    await migrate(database_url, lambda config: command.upgrade(config, "0003"))
    async with migration_transaction(database_url) as connection:
        await connection.run_sync(add_rows)
    await upgrade_database(database_url)
    database = Database(database_url)
    async with database.session(read_only=True) as db_session:
        assert await newest_change_number(db_session) == 0
        users = [user async for users in special_users(db_session) for user in users]
        assert [(user.user_id, user.change_number) for user in users] == [("usr_1", 0)]
        before = revocations_expiring_after(db_session, now - timedelta(hours=1))
        assert [row.subject async for rows in before for row in rows] == ["tok_1"]
    async with database.session() as db_session:
        (await db_session.get_one(UserRow, "usr_1")).is_disabled = False
    async with database.session(read_only=True) as db_session:
        assert await newest_change_number(db_session) == 1
        changed = [user async for users in users_changed_after(db_session, 0) for user in users]
        assert [user.user_id for user in changed] == ["usr_1"]
        assert [rows async for rows in revocations_added_after(db_session, 0)] == []
    await database.aclose()
    await migrate(database_url, lambda config: command.downgrade(config, "0003"))
    async with migration_transaction(database_url) as connection:
        names = await connection.execute(text("SELECT name FROM users UNION SELECT subject FROM revocations"))
        assert sorted(name for (name,) in names) == ["ada", "tok_1"]


async def test_concurrent_upgrades_all_succeed(database_url: str) -> None:
    await asyncio.gather(*(upgrade_database(database_url) for _ in range(5)))
    database = Database(database_url)
    assert await is_up_to_date(database)
    await database.aclose()


async def test_failed_upgrade_changes_nothing(database_url: str) -> None:
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


async def test_upgrade_of_an_unavailable_database_raises() -> None:
    with pytest.raises(DatabaseUnavailable):
        await upgrade_database("postgresql+asyncpg://gateway:password@127.0.0.1:1/gateway")
