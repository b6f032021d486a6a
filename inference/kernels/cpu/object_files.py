"""Compiled kernels on disk, so that only the first start compiles them.

They are code that the process runs, so nobody else may be able to write them: the directory and its files
belong to the user of this process, who alone may write and read them, and anything else is not used. The
name of a file is a digest of all that it was compiled from.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

MOST_FILES = 64  # the oldest are removed
DIGEST_BYTES = 32
PRIVATE_MODE = 0o700
OTHERS = 0o077  # permissions of the group and of everybody


def default_directory() -> Path | None:
    """In the user's directory of caches, as freedesktop.org has it.

    Returns None where the user has no home directory, or on systems without its permissions.
    """
    if not hasattr(os, "geteuid"):
        return None
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        caches = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return caches / "autoglm-gateway" / "kernels"


class ObjectFiles:
    """Used by several threads and processes: files appear and disappear as a whole.

    A directory that cannot be used, such as one on a read-only disk, is not an error: nothing is found there.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def read(self, name: str) -> bytes | None:
        """Returns what was written under this name, or None."""
        if self._directory is None or not _is_private(self._directory):
            return None
        try:
            descriptor = os.open(self._directory / name, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            if not _belongs_to_us(os.fstat(descriptor)):
                return None
            content = file.read()
        digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return (
            code if hashlib.sha256(code).digest() == digest else None
        )  # a disk may lose what it was writing

    def write(self, name: str, code: bytes) -> None:
        if self._directory is None:
            return
        with contextlib.suppress(OSError):
            self._directory.mkdir(PRIVATE_MODE, parents=True, exist_ok=True)
            if not _is_private(self._directory):
                return
            descriptor, path = tempfile.mkstemp(dir=self._directory)  # readable by the user alone
            try:
                with open(descriptor, "wb") as file:
                    file.write(hashlib.sha256(code).digest() + code)
                os.replace(path, self._directory / name)
            except OSError:
                os.unlink(path)
                raise
            self._remove_oldest(self._directory)

    @staticmethod
    def _remove_oldest(directory: Path) -> None:
        files = sorted(directory.iterdir(), key=lambda path: path.lstat().st_mtime)
        for path in files[:-MOST_FILES]:
            path.unlink(missing_ok=True)


def _is_private(directory: Path) -> bool:
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and _belongs_to_us(found)


def _belongs_to_us(found: os.stat_result) -> bool:
    is_plain = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)
    return is_plain and found.st_uid == os.geteuid() and not found.st_mode & OTHERS
