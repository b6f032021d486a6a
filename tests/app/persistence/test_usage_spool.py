"""The file in which usage outlives its process."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.persistence.usage import Row, datetime_text
from app.persistence.usage_spool import GROUP_LINES, UsageSpool

AT = datetime_text(datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC))


def make_row(row_id: str) -> Row:
    return {
        "id": row_id,
        "request_id": "req_1",
        "at": AT,
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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "usage-spool.jsonl"


@pytest.fixture
def spool(path: Path) -> Iterator[UsageSpool]:
    spool = UsageSpool(path)
    spool.open()
    yield spool
    spool.close()


def ids_in(spool: UsageSpool) -> list[str]:
    rows, end = spool.read_group(0, spool.size)
    assert end == spool.size
    return [row["id"] for row in rows]


def test_rows_are_read_as_they_were_written(spool: UsageSpool) -> None:
    spool.append([make_row("1"), make_row("2")])
    assert spool.read_group(0, spool.size) == ([make_row("1"), make_row("2")], spool.size)


def test_many_rows_are_read_in_groups(spool: UsageSpool) -> None:
    rows = [make_row(str(number)) for number in range(GROUP_LINES + 1)]
    spool.append(rows)
    first, next_row = spool.read_group(0, spool.size)
    rest, end = spool.read_group(next_row, spool.size)
    assert (len(first), first + rest, end) == (GROUP_LINES, rows, spool.size)


def test_rows_outlive_the_process(path: Path, spool: UsageSpool) -> None:
    spool.append([make_row("1")])
    spool.close()
    later = UsageSpool(path)
    later.open()
    assert later.size
    assert ids_in(later) == ["1"]
    later.close()


def test_only_the_owner_can_read_the_file_of_usage(path: Path, spool: UsageSpool) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_cleared_file_is_empty(path: Path, spool: UsageSpool) -> None:
    spool.append([make_row("1")])
    spool.clear()
    assert spool.size == 0
    assert path.read_bytes() == b""


def test_group_that_does_not_fit_is_not_written_in_part(path: Path) -> None:
    small = UsageSpool(path, max_bytes=400)
    small.open()
    assert small.append([make_row("1")])
    assert not small.append([make_row("2"), make_row("3")])
    assert ids_in(small) == ["1"]
    small.close()


def test_line_that_a_kill_cut_off_loses_only_itself(path: Path, spool: UsageSpool) -> None:
    spool.append([make_row("1"), make_row("2")])
    spool.close()
    path.write_bytes(path.read_bytes()[:-20])
    later = UsageSpool(path)
    later.open()
    later.append([make_row("3")])
    assert ids_in(later) == ["1", "3"]
    later.close()


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b'"text"',
        b"\xff",
        b'{"id": "1", "at": "never"}',
        b'{"id": "1", "at": "2026-03-14 09:26:53+00:00"}',  # another version's
        b"",
    ],
)
def test_line_that_is_not_a_row_is_skipped(path: Path, spool: UsageSpool, line: bytes) -> None:
    spool.append([make_row("1")])
    spool.close()
    path.write_bytes(path.read_bytes() + line + b"\n")
    later = UsageSpool(path)
    later.open()
    assert ids_in(later) == ["1"]
    later.close()


def test_two_processes_with_one_directory_use_two_files(path: Path, spool: UsageSpool) -> None:
    other = UsageSpool(path)
    other.open()
    other.append([make_row("2")])
    spool.append([make_row("1")])
    assert (ids_in(spool), ids_in(other)) == (["1"], ["2"])
    other.close()


def test_rows_of_an_ended_process_are_adopted(path: Path, spool: UsageSpool) -> None:
    other = UsageSpool(path)
    other.open()
    other.append([make_row("2")])
    other.close()
    spool.append([make_row("1")])
    spool.close()
    later = UsageSpool(path)
    later.open()
    assert ids_in(later) == ["1", "2"]
    later.close()
    again = UsageSpool(path)
    again.open()
    assert ids_in(again) == ["1", "2"]
    again.close()


def test_directory_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        UsageSpool(tmp_path / "file" / "spool.jsonl").open()
