"""Files without a name, in memory where the system has that: how media cross between processes."""

import fcntl
import mmap
import os
import tempfile
from typing import Final

_HAS_MEMFD: Final = hasattr(os, "memfd_create")
_SEALS: Final = 0 if not _HAS_MEMFD else fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW

Result = mmap.mmap | bytearray


class UnexpectedSize(Exception):
    """The result does not have the size that its process reported."""


def create_file() -> int:
    """Returns the descriptor of an empty file; the caller closes it. Raises `OSError`."""
    if _HAS_MEMFD:
        return os.memfd_create("media", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Raises `OSError`."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def take_result(descriptor: int, size: int) -> Result:
    """The result's bytes, writable without changing the file.

    A process that still has the file cannot shrink it afterwards: reading what is gone would kill the reader.
    Raises `UnexpectedSize` and `OSError`.
    """
    if _HAS_MEMFD:
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    if os.fstat(descriptor).st_size != size or size == 0:
        raise UnexpectedSize
    if _HAS_MEMFD:
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
    data = bytearray(os.pread(descriptor, size, 0))
    if len(data) != size:
        raise UnexpectedSize
    return data
