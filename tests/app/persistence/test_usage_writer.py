"""Usage is stored in groups, kept in a file during an outage, and survives a kill."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.errors import DatabaseUnavailable
from app.persistence.database import Database
from app.persistence.migrations import upgrade_database
from app.persistence.tables import UsageRow
from app.persistence.usage_writer import RETRY_SECONDS, UsageRecord, UsageWriter
from testbed.servers import PostgresServer

from .conftest import FakeClock

pytestmark = pytest.mark.anyio

KILLED_PROGRAM = Path(__file__).parent / "recording_process.py"

MakeWriter = Callable[..., UsageWriter]


def contents_of(path: Path) -> bytes:
    return path.read_bytes()


def record_of(request_id: str, **fields: object) -> UsageRecord:
    values = {
        "request_id": request_id,
        "at": datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC),
        "user_id": "usr_a",
        "route": "/chat",
        "model": "scripted",
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "queue_ms": 0,
        "ttft_ms": None,
        "total_ms": 5,
        "outcome": "ok",
    }
    return UsageRecord(**values | fields)  # type: ignore[arg-type]  # of mixed types


async def stored_in(database: Database) -> list[str]:
    async with database.session(read_only=True) as db_session:
        return list(await db_session.scalars(select(UsageRow.request_id).order_by(UsageRow.id)))


async def test_records_are_stored_in_their_order(database: Database, make_writer: MakeWriter) -> None:
    writer = make_writer(database)
    await writer.start()
    for number in range(20):
        writer.record(record_of(f"req_{number}"))
    await writer.flush()
    assert await stored_in(database) == [f"req_{number}" for number in range(20)]
    assert (writer.written, writer.spooled, writer.dropped) == (20, 0, 0)


async def test_row_has_the_values_of_the_record(database: Database, make_writer: MakeWriter) -> None:
    writer = make_writer(database)
    await writer.start()
    writer.record(record_of("req_1", ttft_ms=3, outcome="deadline", completion_tokens=7))
    await writer.flush()
    async with database.session(read_only=True) as db_session:
        row = (await db_session.scalars(select(UsageRow))).one()
    assert (row.at, row.user_id) == (datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC), "usr_a")
    assert (row.route, row.model, row.outcome) == ("/chat", "scripted", "deadline")
    assert (row.prompt_tokens, row.completion_tokens) == (1, 7)
    assert (row.queue_ms, row.ttft_ms, row.total_ms) == (0, 3, 5)


async def test_records_are_written_in_the_background(database: Database, make_writer: MakeWriter) -> None:
    writer = make_writer(database)
    await writer.start()
    writer.record(record_of("req_1"))
    async with asyncio.timeout(10):
        while not writer.written:  # noqa: ASYNC110 - the writer's own clock is what is tested
            await asyncio.sleep(0)
    assert await stored_in(database) == ["req_1"]


async def test_closing_stores_what_was_recorded_last(database: Database, make_writer: MakeWriter) -> None:
    writer = make_writer(database)
    await writer.start()
    writer.record(record_of("req_1"))
    await writer.aclose()
    assert await stored_in(database) == ["req_1"]


async def test_file_is_empty_once_the_rows_are_stored(
    database: Database, make_writer: MakeWriter, spool_path: Path
) -> None:
    writer = make_writer(database)
    await writer.start()
    writer.record(record_of("req_1"))
    await writer.flush()
    assert contents_of(spool_path) == b""


async def test_name_longer_than_its_column_is_truncated(database: Database, make_writer: MakeWriter) -> None:
    writer = make_writer(database)
    await writer.start()
    writer.record(record_of("req_1", model="m" * 1000, route="/" * 1000))
    await writer.flush()
    async with database.session(read_only=True) as db_session:
        row = (await db_session.scalars(select(UsageRow))).one()
    assert (len(row.model), len(row.route)) == (128, 64)


async def test_memory_is_bounded(database: Database, make_writer: MakeWriter) -> None:
    writer = make_writer(database, max_pending=3)
    for number in range(5):
        writer.record(record_of(f"req_{number}"))
    assert writer.dropped == 2


@pytest.mark.servers
async def test_records_of_an_outage_are_stored_after_it(
    postgres_server: PostgresServer, postgres_url: str, make_writer: MakeWriter, clock: FakeClock
) -> None:
    await upgrade_database(postgres_url)
    database = Database(postgres_url)
    writer = make_writer(database)
    await writer.start()
    writer.record(record_of("req_before"))
    await writer.flush()

    await asyncio.to_thread(postgres_server.stop)
    writer.record(record_of("req_during"))
    await writer.flush()
    assert (writer.written, writer.spooled, writer.dropped) == (1, 1, 0)

    await asyncio.to_thread(postgres_server.start)
    writer.record(record_of("req_soon_after"))
    await writer.flush()  # too early to try again
    assert (writer.written, writer.spooled) == (1, 2)

    clock.now += RETRY_SECONDS
    writer.record(record_of("req_after"))
    await writer.flush()
    assert await stored_in(database) == ["req_before", "req_during", "req_soon_after", "req_after"]
    assert (writer.written, writer.dropped) == (4, 0)
    await writer.aclose()
    await database.aclose()


@pytest.mark.servers
async def test_storing_all_says_whether_the_database_has_all(
    postgres_server: PostgresServer, postgres_url: str, make_writer: MakeWriter, clock: FakeClock
) -> None:
    await upgrade_database(postgres_url)
    database = Database(postgres_url)
    writer = make_writer(database)
    await writer.start()
    writer.record(record_of("req_1"))
    await writer.store_all()
    assert await stored_in(database) == ["req_1"]
    await asyncio.to_thread(postgres_server.stop)
    writer.record(record_of("req_2"))
    for _ in range(2):  # the second does not try again so soon
        with pytest.raises(DatabaseUnavailable):
            await writer.store_all()
    await asyncio.to_thread(postgres_server.start)
    clock.now += RETRY_SECONDS
    await writer.store_all()
    assert await stored_in(database) == ["req_1", "req_2"]
    await writer.aclose()
    await database.aclose()


async def test_records_of_an_outage_are_stored_by_the_next_process(
    database: Database, make_writer: MakeWriter, unavailable: Database
) -> None:
    writer = make_writer(unavailable)
    await writer.start()
    writer.record(record_of("req_1"))
    await writer.aclose()
    assert (writer.written, writer.spooled, writer.dropped) == (0, 1, 0)

    writer = make_writer(database)
    await writer.start()
    await writer.flush()
    assert await stored_in(database) == ["req_1"]


async def test_rows_that_a_killed_process_had_stored_are_not_stored_twice(
    database: Database, make_writer: MakeWriter, unavailable: Database, spool_path: Path
) -> None:
    writer = make_writer(unavailable)
    await writer.start()
    writer.record(record_of("req_1"))
    await writer.aclose()
    left_behind = contents_of(spool_path)
    for _ in range(2):
        # As after a kill between the commit and the emptying of the file.
        spool_path.write_bytes(left_behind)  # noqa: ASYNC240 - a few bytes
        writer = make_writer(database)
        await writer.start()
        await writer.aclose()
    assert await stored_in(database) == ["req_1"]
    assert contents_of(spool_path) == b""


async def test_memory_holds_records_up_to_a_bound_when_the_file_is_full_in_an_outage(
    make_writer: MakeWriter, unavailable: Database
) -> None:
    writer = make_writer(unavailable, max_spool_bytes=10, max_in_memory=2)
    await writer.start()
    for number in range(3):
        writer.record(record_of(f"req_{number}"))
    await writer.flush()
    assert (writer.written, writer.spooled, writer.dropped, writer.in_memory) == (0, 0, 1, 2)
    assert writer.is_file_failing


async def test_groups_reach_the_file_while_the_database_stalls(
    database: Database, make_writer: MakeWriter, spool_path: Path
) -> None:
    """Another transaction holds a lock, so that inserts wait for seconds."""
    writer = make_writer(database)
    await writer.start()
    async with database.session() as db_session:
        is_sqlite = (
            db_session.get_bind().dialect.name == "sqlite"
        )  # its writers lock at their first statement
        await db_session.execute(text("SELECT 1" if is_sqlite else "LOCK TABLE usage"))
        writer.record(record_of("req_1"))
        while b"req_1" not in contents_of(spool_path):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.001)
        writer.record(record_of("req_2"))  # by now the first group waits to be inserted
        async with asyncio.timeout(2):
            while b"req_2" not in contents_of(spool_path):  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.001)
        assert writer.written == 0
    await writer.flush()
    assert await stored_in(database) == ["req_1", "req_2"]
    assert contents_of(spool_path) == b""


async def test_killed_process_loses_no_group_that_was_written(tmp_path: Path) -> None:
    """The process reports when a group was inserted and another is in the file, continues, and is killed."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'gateway.db'}"
    await upgrade_database(url)
    process = subprocess.Popen(  # noqa: ASYNC220 - its output is awaited on a thread
        [sys.executable, KILLED_PROGRAM, url, tmp_path / "spool.jsonl"], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        grouped = int(await asyncio.to_thread(process.stdout.readline))
        process.send_signal(signal.SIGKILL)
    database = Database(url)
    writer = UsageWriter(database, tmp_path / "spool.jsonl")
    await writer.start()
    await writer.aclose()
    stored = await stored_in(database)
    await database.aclose()
    assert len(stored) >= grouped > 0
    assert len(set(stored)) == len(stored)
