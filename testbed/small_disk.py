"""A file system of a few pages or megabytes that can really be full, for tests of what happens then.

A tmpfs in a mount namespace of its own, so that no other process sees it and no root is needed.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .servers import MissingServer, find_program

PIECE = b"\0" * 4096
MOUNT = """mount -t tmpfs -o "size=$2" tmpfs "$1" && echo mounted && exec cat"""


class SmallDisk:
    """`path` is where this process sees it: programs that resolve links, as SQLite does, run `inside` it."""

    def __init__(self, place: Path, process_id: int) -> None:
        self.place = place
        self.path = Path(f"/proc/{process_id}/root{place}")
        self._ballast = self.path / "ballast"
        self.inside = [
            find_program("nsenter", "util-linux"),
            *("--user", "--preserve-credentials", "--mount", f"--target={process_id}", "--"),
        ]

    def fill(self) -> None:
        """Until not a page is left."""
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as ballast:
            while True:
                ballast.write(PIECE)

    def make_room(self) -> None:
        self._ballast.unlink()


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[SmallDisk]:
    """Of `size` bytes, in an empty directory. Raises `MissingServer` where namespaces are not permitted."""
    unshare = find_program("unshare", "util-linux")
    command = [unshare, "--map-root-user", "--mount", "/bin/sh", "-c", MOUNT, "sh", str(place), str(size)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if not process.stdout.readline():
            reason = os.fsdecode(process.stderr.read()).strip()
            raise MissingServer(f"this system permits no namespaces of a user's own: {reason}")
        try:
            yield SmallDisk(place, process.pid)
        finally:
            process.stdin.close()  # which ends it, as our own end would
