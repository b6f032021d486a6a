"""A file of a request: a small one in memory, a larger one on disk.

Its descriptor on disk has no name, so nothing is left of it when the process ends or is killed.
"""

import asyncio
import io
import logging
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, TypeVar

from app.errors import GatewayError, StorageFull
from app.media.sandbox.shared_memory import write_all
from app.memory_budget import MemoryClaim

MAX_BYTES_IN_MEMORY: Final = 256 * 1024
COPIED_BYTES: Final = 1024 * 1024  # at once, from disk

T = TypeVar("T")

logger = logging.getLogger(__name__)


class SpooledFile:
    """Made by `RequestBody`, which closes it; used by one task at a time.

    `error` is what is wrong with its content: raised by every read.
    """

    def __init__(self, memory: MemoryClaim, directory: Path) -> None:
        self.size = 0
        self.error: GatewayError | None = None
        self._memory = memory
        self._directory = directory
        self._file: IO[bytes] = io.BytesIO()
        self._is_on_disk = False
        self._lock = threading.Lock()  # over the next two
        self._is_busy = False
        self._is_closed = False

    def __repr__(self) -> str:
        return "a file"  # a validation error may quote it

    async def write(self, data: bytes) -> None:
        """Appends. Raises `StorageFull`."""
        if not self._is_on_disk:
            if self._fits_into_memory(len(data)):
                self._file.write(data)
                self.size += len(data)
                return
            await self._move_to_disk()
        await self._spool(data)

    async def read(self) -> bytes:
        """All of it. Raises `error`, `StorageFull`."""
        if self.error is not None:
            raise self.error
        if isinstance(self._file, io.BytesIO):
            return self._file.getvalue()
        return await self._in_thread(self._read)

    async def read_piece(self, start: int, size: int) -> bytes:
        """At most `size` bytes of it, less at its end. Raises `error`, `StorageFull`."""
        if self.error is not None:
            raise self.error
        if isinstance(self._file, io.BytesIO):
            return bytes(self._file.getbuffer()[start : start + size])
        return await self._in_thread(lambda: self._read_piece(start, size))

    async def copy_to(self, descriptor: int) -> None:
        """Writes all of it there. Raises `error`, `StorageFull`."""
        if self.error is not None:
            raise self.error
        if isinstance(self._file, io.BytesIO):
            write_all(descriptor, self._file.getbuffer())
            return
        # A cancelled request closes its descriptor while the thread continues, so the thread has its own.
        copy = os.dup(descriptor)
        await self._in_thread(lambda: self._copy_and_close(copy))

    def close(self) -> None:
        """May be called more than once, and while a thread writes, which then closes the file."""
        if not self._is_on_disk:
            self._memory.stop_buffering(self.size)
        self.size = 0
        with self._lock:
            self._is_closed = True
            if not self._is_busy:
                self._file.close()

    def _fits_into_memory(self, size: int) -> bool:
        return self.size + size <= MAX_BYTES_IN_MEMORY and self._memory.try_to_buffer(size)

    async def _move_to_disk(self) -> None:
        assert isinstance(self._file, io.BytesIO)
        begin = self._file.getvalue()
        self._is_on_disk = True
        await self._in_thread(self._open_on_disk)
        self._memory.stop_buffering(len(begin))
        self.size = 0
        await self._spool(begin)

    async def _spool(self, data: bytes) -> None:
        if not self._memory.try_to_spool(len(data)):
            raise StorageFull
        await self._in_thread(lambda: self._append(data))
        self.size += len(data)

    def _open_on_disk(self) -> None:
        # Unbuffered: an error is for the write that meets it, and not for `close`.
        self._file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # an almost full disk takes a part, and then none
            rest = rest[self._file.write(rest) :]

    def _copy_and_close(self, descriptor: int) -> None:
        try:
            self._file.seek(0)
            while chunk := self._file.read(COPIED_BYTES):
                write_all(descriptor, chunk)
        finally:
            os.close(descriptor)

    def _read_piece(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

    def _read(self) -> bytes:
        self._file.seek(0)
        return self._file.read()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """A thread cannot be stopped: after the request is cancelled it continues, then closes the file."""
        assert not self._is_busy
        self._is_busy = True

        def run() -> T:
            try:
                return work()
            finally:
                with self._lock:
                    self._is_busy = False
                    if self._is_closed:
                        self._file.close()

        running = asyncio.get_running_loop().run_in_executor(None, run)
        running.add_done_callback(_retrieve_error)
        try:
            return await asyncio.shield(running)
        except OSError as error:  # its text holds the path
            logger.error("an upload could not be put on disk: errno %s", error.errno)
            raise StorageFull from None


def _retrieve_error(running: "asyncio.Future[T]") -> None:
    """Retrieves the exception of a cancelled request, which asyncio would log otherwise."""
    if not running.cancelled():
        running.exception()
