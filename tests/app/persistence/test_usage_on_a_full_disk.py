"""Usage while the disk is full: kept in memory up to a bound, stored once when there is space again."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from app.persistence.database import Database
from app.persistence.usage_spool import UsageSpool
from app.persistence.usage_writer import RETRY_SECONDS, UsageWriter
from testbed.small_disk import SmallDisk

from .conftest import FakeClock
from .test_usage_spool import ids_in, make_row
from .test_usage_writer import record_of, stored_in

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

MakeWriter = Callable[..., UsageWriter]
LOGGER = "app.persistence.usage_writer"


@pytest.fixture
def spool_path(disk: SmallDisk) -> Path:
    return disk.path / "usage-spool.jsonl"


def record_many(writer: UsageWriter, numbers: range) -> list[str]:
    names = [f"req_{number:05}" for number in numbers]
    for name in names:
        writer.record(record_of(name))
    return names


async def test_nothing_is_lost_up_to_the_bound_and_everything_is_stored_once(
    database: Database, unavailable: Database, make_writer: MakeWriter, disk: SmallDisk, clock: FakeClock
) -> None:
    """The database is unavailable too, as SQLite on the same disk is."""
    writer = make_writer(unavailable, max_in_memory=2_500)
    await writer.start()
    before = record_many(writer, range(10))
    await writer.flush()
    disk.fill()
    during = record_many(writer, range(10, 2_410))
    await writer.flush()
    assert (writer.is_file_failing, writer.in_memory, writer.dropped) == (True, 2_400, 0)

    disk.make_room()
    during += record_many(writer, range(2_410, 2_510))
    await writer.flush()  # too early to try again
    assert (writer.is_file_failing, writer.in_memory, writer.dropped) == (True, 2_500, 0)
    clock.now += RETRY_SECONDS
    await writer.flush()
    assert (writer.is_file_failing, writer.in_memory, writer.dropped) == (False, 0, 0)
    assert writer.spooled == 2_510
    await writer.aclose()

    writer = make_writer(database)
    await writer.start()
    await writer.flush()
    assert await stored_in(database) == before + during
    assert writer.written == 2_510


async def test_rows_over_the_bound_are_counted_as_lost_and_logged_afterwards(
    unavailable: Database,
    make_writer: MakeWriter,
    disk: SmallDisk,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer = make_writer(unavailable, max_in_memory=5)
    await writer.start()
    disk.fill()
    with caplog.at_level(logging.INFO, logger=LOGGER):
        for first in (0, 4, 8):
            record_many(writer, range(first, first + 4))
            clock.now += RETRY_SECONDS
            await writer.flush()
        disk.make_room()
        clock.now += RETRY_SECONDS
        await writer.flush()
    assert (writer.in_memory, writer.dropped, writer.spooled) == (0, 7, 5)
    full, sound = [record for record in caplog.records if "file" in record.getMessage()]
    assert (full.levelname, full.reason, full.most_records) == ("ERROR", "ENOSPC", 5)  # type: ignore[attr-defined]
    assert (sound.levelname, sound.lost_records) == ("INFO", 7)  # type: ignore[attr-defined]


async def test_database_on_another_disk_stores_usage_while_the_disk_is_full(
    database: Database, make_writer: MakeWriter, disk: SmallDisk, clock: FakeClock
) -> None:
    writer = make_writer(database)
    await writer.start()
    disk.fill()
    names = record_many(writer, range(20))
    await writer.flush()
    assert await stored_in(database) == names
    assert (writer.written, writer.in_memory, writer.dropped) == (20, 0, 0)
    assert writer.is_file_failing, "a kill would lose what is not stored yet"
    disk.make_room()
    clock.now += RETRY_SECONDS
    await writer.flush()  # with nothing to write, it checks whether it could
    assert not writer.is_file_failing
    assert (disk.path / "usage-spool.jsonl").read_bytes() == b""


async def test_shutdown_on_a_full_disk_logs_what_is_lost(
    unavailable: Database, make_writer: MakeWriter, disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    writer = make_writer(unavailable)
    await writer.start()
    disk.fill()
    record_many(writer, range(3))
    await writer.aclose()
    assert (writer.dropped, writer.in_memory) == (3, 0)
    (lost,) = [record for record in caplog.records if record.getMessage() == "usage is lost on shutdown"]
    assert lost.records == 3  # type: ignore[attr-defined]


def test_start_on_a_full_disk_keeps_files_of_ended_processes(disk: SmallDisk) -> None:
    path = disk.path / "usage-spool.jsonl"
    first, second = UsageSpool(path), UsageSpool(path)
    first.open()
    second.open()
    rows = [make_row(f"{number:032}") for number in range(100)]  # more than the page that a file ends in
    assert second.append(rows)
    assert first.append([make_row("1")])
    first.close()
    second.close()
    with path.open("ab") as file:
        file.write(b'{"half a line')  # of a killed process
    disk.fill()
    full = UsageSpool(path)
    full.open()
    assert ids_in(full) == ["1"]
    assert not full.append(rows)
    assert (full.failure, ids_in(full)) == ("ENOSPC", ["1"])
    disk.make_room()
    assert full.append([make_row("2")])
    assert (full.failure, ids_in(full)) == (None, ["1", "2"])
    full.close()
    later = UsageSpool(path)
    later.open()
    assert ids_in(later) == ["1", "2", *(row["id"] for row in rows)]
    later.close()


def test_write_that_fails_halfway_is_undone(disk: SmallDisk) -> None:
    spool = UsageSpool(disk.path / "usage-spool.jsonl")
    spool.open()
    assert spool.append([make_row("1")])
    before = spool.size
    disk.fill()
    assert not spool.append([make_row(f"{number:032}") for number in range(100)])
    assert spool.size == before
    assert ids_in(spool) == ["1"]
    assert not spool.probe()
    disk.make_room()
    assert spool.probe()
    assert (disk.path / "usage-spool.jsonl").stat().st_size == before
    spool.close()
