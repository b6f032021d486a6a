"""A bounded file of JSON lines that outlives the process: usage that may not be in the database yet.

A lock on the file reserves it for one process; another process takes the next name. Blocking: call it on a
thread.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import orjson

from app.persistence.tables import UsageRow
from app.persistence.usage import Row

MAX_BYTES = 64 * 1_048_576  # about 200,000 records
MAX_FILES = 16  # processes that share a directory
GROUP_LINES = 1_000
PROBE_BYTES = 4096  # a page: a smaller write may fit into the last page of the file
FULL = "full"

_COLUMNS = set(UsageRow.__table__.columns.keys())


class UsageSpool:
    """Opened and closed by the `UsageWriter`. One thread at a time may change it while another reads groups.

    `failure` says why the last write failed: `full` for the bound of the file, or the name of an error such
    as `ENOSPC` or `EROFS`. None if it succeeded.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._descriptor = -1
        self._size = 0
        self._is_mid_line = False
        self.failure: str | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return self._size

    def open(self) -> None:
        """Take the first name that is free, and the rows that ended processes left. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._candidates():
            descriptor = _open_locked(path)
            if descriptor is None:
                continue
            if self._descriptor < 0:
                self._descriptor = descriptor
                self._size = os.fstat(descriptor).st_size
                # A killed process may have left half a line; do not append to it.
                self._is_mid_line = self._size > 0 and os.pread(descriptor, 1, self._size - 1) != b"\n"
            else:
                self._adopt(descriptor)
                os.close(descriptor)
        if self._descriptor < 0:
            raise OSError(f"{MAX_FILES} processes use the same data directory; give each its own")

    def append(self, rows: Sequence[Row]) -> bool:
        """Return False and write nothing if the file is full or cannot be written; `failure` says which."""
        return self._append(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))

    def probe(self) -> bool:
        """Whether a few rows could be written now. Does not change the file."""
        could_write = self._write(b"\n" * PROBE_BYTES)
        self._truncate()
        return could_write

    def read_group(self, start: int, end: int) -> tuple[list[Row], int]:
        """The first rows between two offsets in bytes, oldest first, and the offset of the next row.

        May run concurrently with `append`. Skips lines that a killed process wrote in part.
        """
        rows: list[Row] = []
        with open(os.dup(self._descriptor), "rb") as file:
            file.seek(start)
            while file.tell() < end and len(rows) < GROUP_LINES:
                row = _parse(file.readline())
                if row is not None:
                    rows.append(row)
            return rows, file.tell()

    def clear(self) -> None:
        """Empty the file. On a read-only disk the rows stay, and the next start inserts them again, which
        stores nothing twice.
        """
        if self._size:
            self._size = 0
            self._truncate()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _candidates(self) -> Iterator[Path]:
        """Every name that exists, and others until one is ours."""
        yield self._path
        for number in range(1, MAX_FILES):
            path = self._path.with_name(f"{self._path.name}.{number}")
            if self._descriptor < 0 or path.exists():
                yield path

    def _adopt(self, descriptor: int) -> None:
        """Move the rows of an ended process to our file, and empty its file.

        It is not removed: another process may be about to lock it. Rows that do not fit stay there for a
        later start.
        """
        with open(os.dup(descriptor), "rb") as file:
            data = file.read()
        if data and self._append(data if data.endswith(b"\n") else data + b"\n"):
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)

    def _append(self, lines: bytes) -> bool:
        """Write all of them or none."""
        data = b"\n" + lines if self._is_mid_line else lines
        if not self._write(data):
            self._truncate()
            return False
        self._size += len(data)  # at once: `read_group` may be reading up to it
        self._is_mid_line = False
        return True

    def _write(self, data: bytes) -> bool:
        """Write at the end of the file, without changing `size`."""
        if self._size + len(data) > self._max_bytes:
            self.failure = FULL
            return False
        view, offset = memoryview(data), self._size
        try:
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                offset += written
                view = view[written:]
        except OSError as error:
            self.failure = errno.errorcode.get(error.errno or 0, "EIO")
            return False
        self.failure = None
        return True

    def _truncate(self) -> None:
        """To `size`. If that fails, the next write overwrites the rest."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._size)


def _open_locked(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _parse(line: bytes) -> Row | None:
    try:
        row: Row = orjson.loads(line)
        datetime.fromisoformat(str(row["at"]))
    except (ValueError, KeyError, TypeError):
        return None
    return row if row.keys() == _COLUMNS else None
