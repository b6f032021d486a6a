"""Transactions that behave alike on SQLite and PostgreSQL."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from app.errors import DatabaseUnavailable
from app.persistence.columns import database_now, utc_day
from app.persistence.database import Database, create_engine
from app.persistence.idempotency_keys import claim_key
from app.persistence.tables import AccessTokenRow, UsageRow, UserRow
from testbed.servers import PostgresServer

pytestmark = pytest.mark.anyio
MakeUser = Callable[..., UserRow]


async def connect(database: Database) -> None:
    async with database.session(read_only=True) as db_session:
        await db_session.execute(select(1))


async def names(database: Database) -> list[str]:
    async with database.session(read_only=True) as db_session:
        return list(await db_session.scalars(select(UserRow.name)))


async def test_session_commits_when_its_block_ends(database: Database, make_user: MakeUser) -> None:
    async with database.session() as db_session:
        db_session.add(make_user("alice"))
    assert await names(database) == ["alice"]


async def test_session_rolls_back_when_its_block_raises(database: Database, make_user: MakeUser) -> None:
    async def add_and_fail() -> None:
        async with database.session() as db_session:
            db_session.add(make_user("alice"))
            await db_session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await add_and_fail()
    assert await names(database) == []


async def test_writers_that_read_first_lose_no_update(database: Database, make_user: MakeUser) -> None:
    async with database.session() as db_session:
        db_session.add(make_user("alice", daily_tokens=1))

    async def add_one() -> None:
        async with database.session() as db_session:
            row = await db_session.scalar(select(UserRow).with_for_update())
            assert row is not None
            assert row.daily_tokens is not None
            row.daily_tokens += 1

    await asyncio.gather(*(add_one() for _ in range(10)))
    async with database.session(read_only=True) as db_session:
        assert (await db_session.scalars(select(UserRow.daily_tokens))).one() == 11


async def test_reader_does_not_wait_for_a_writer(database: Database, make_user: MakeUser) -> None:
    async with database.session() as db_session:
        db_session.add(make_user("alice"))
        await db_session.flush()
        assert await names(database) == []


async def test_row_of_an_unknown_user_is_refused(database: Database) -> None:
    now = datetime.now(UTC)
    row = AccessTokenRow(jti="tok_1", user_id="usr_x", scopes="chat", issued_at=now, expires_at=now)
    with pytest.raises(IntegrityError):
        async with database.session() as db_session:
            db_session.add(row)


async def test_datetimes_are_returned_in_utc_whatever_their_time_zone(
    database: Database, make_user: MakeUser
) -> None:
    at = datetime(2026, 3, 14, 1, 30, 15, 123456, tzinfo=timezone(timedelta(hours=8)))
    async with database.session() as db_session:
        db_session.add(make_user("alice", created_at=at))
    async with database.session(read_only=True) as db_session:
        row = (await db_session.scalars(select(UserRow))).one()
    assert row.created_at == at
    assert row.created_at.utcoffset() == timedelta(0)


async def test_naive_datetime_is_refused(database: Database, make_user: MakeUser) -> None:
    naive = datetime(2026, 3, 14, 1, 30)
    with pytest.raises(StatementError, match="without a time zone"):
        async with database.session() as db_session:
            db_session.add(make_user("alice", created_at=naive))


async def test_database_clock_advances_within_a_transaction(database: Database) -> None:
    async with database.session() as db_session:
        first = (await db_session.scalars(select(database_now()))).one()
        second = first
        while second == first:
            second = (await db_session.scalars(select(database_now()))).one()
    assert first < second
    assert abs(second - datetime.now(UTC)) < timedelta(minutes=1)


async def test_change_of_a_user_has_the_time_of_the_database(database: Database, make_user: MakeUser) -> None:
    async with database.session() as db_session:
        db_session.add(make_user("alice"))
    async with database.session() as db_session:
        row = (await db_session.scalars(select(UserRow))).one()
        created_at, changed_at = row.created_at, row.changed_at
    async with database.session() as db_session:
        row = (await db_session.scalars(select(UserRow))).one()
        row.note = "changed"
    async with database.session(read_only=True) as db_session:
        row = (await db_session.scalars(select(UserRow))).one()
    assert row.created_at == created_at
    assert row.changed_at >= changed_at
    assert row.changed_at - created_at < timedelta(minutes=1)


async def test_day_of_a_datetime_is_the_utc_day(database: Database) -> None:
    evening_in_new_york = datetime(2026, 3, 14, 22, 0, tzinfo=timezone(timedelta(hours=-5)))
    row = UsageRow(
        id="1",
        request_id="req_1",
        at=evening_in_new_york,
        user_id="usr_a",
        route="/chat",
        model="m",
        prompt_tokens=1,
        completion_tokens=1,
        queue_ms=0,
        total_ms=1,
        outcome="ok",
    )
    async with database.session() as db_session:
        db_session.add(row)
    async with database.session(read_only=True) as db_session:
        if db_session.get_bind().dialect.name == "postgresql":
            await db_session.execute(text("SET LOCAL TIME ZONE 'America/New_York'"))
        assert (await db_session.scalars(select(utc_day(UsageRow.at)))).one() == "2026-03-15"


async def test_only_the_owner_can_read_sqlite_files(tmp_path: Path, make_user: MakeUser) -> None:
    directory = tmp_path / "private"
    engine = create_engine(f"sqlite:///{directory / 'gateway.db'}")
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE t (x)")
        await connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    await engine.dispose()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert modes == {"gateway.db": 0o600, "gateway.db-wal": 0o600, "gateway.db-shm": 0o600}


async def test_connecting_waits_for_another_process_that_writes_the_new_file(tmp_path: Path) -> None:
    """Several processes may start together on a file that is not a database yet."""
    path = tmp_path / "gateway.db"
    database = Database(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        connecting = asyncio.create_task(connect(database))
        done, _ = await asyncio.wait({connecting}, timeout=0.2)
        other.rollback()
    await connecting
    assert not done
    await database.aclose()


async def test_unreachable_server_makes_the_database_unavailable() -> None:
    database = Database("postgres://gateway:password@127.0.0.1:1/gateway")
    with pytest.raises(DatabaseUnavailable):
        await connect(database)
    await database.aclose()


async def test_sqlite_file_that_cannot_be_created_makes_the_database_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = Database(f"sqlite:///{tmp_path / 'file' / 'gateway.db'}")
    with pytest.raises(DatabaseUnavailable):
        await connect(database)
    await database.aclose()


@pytest.mark.servers
async def test_database_is_unavailable_until_its_server_is_started_again(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = Database(postgres_url)

    async def lose_the_server_in_a_transaction() -> None:
        async with database.session() as db_session:
            await db_session.execute(select(1))
            await asyncio.to_thread(postgres_server.stop)
            await db_session.execute(select(2))

    with pytest.raises(DatabaseUnavailable):
        await lose_the_server_in_a_transaction()
    with pytest.raises(DatabaseUnavailable):
        await connect(database)
    await asyncio.to_thread(postgres_server.start)
    await connect(database)
    await database.aclose()


@pytest.mark.servers
async def test_database_with_another_password_is_unavailable(postgres_url: str) -> None:
    wrong = postgres_url.replace("gateway:", "gateway:not-", 1)
    database = Database(wrong)
    with pytest.raises(DatabaseUnavailable) as caught:
        await connect(database)
    await database.aclose()
    assert "not-" not in str(caught.value)


async def test_cancelled_transaction_does_not_keep_others_from_writing(database: Database) -> None:
    """Cancelled at different points, while its exception, and so its cursor, is kept."""
    kept = []
    for passes in range(40):
        writing = asyncio.create_task(claim(database, passes))
        for _ in range(passes):
            await asyncio.sleep(0)
        writing.cancel()
        kept += await asyncio.gather(writing, return_exceptions=True)
        async with asyncio.timeout(2):  # SQLite waits five seconds for a lock
            assert await claim(database, passes) in (True, False)
    assert any(isinstance(result, asyncio.CancelledError) for result in kept)


async def claim(database: Database, number: int) -> bool:
    """A statement that returns rows."""
    async with database.session() as db_session:
        return await claim_key(
            db_session,
            key_hash=f"key{number}",
            fingerprint="",
            run_id="",
            owner="",
            lease_seconds=1,
        )
