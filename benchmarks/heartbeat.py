"""`gateway serve` with a heartbeat: how long its event loop was busy with one thing, seen from inside.

Run as a script by the Python of the version that is measured. `HEARTBEAT_FILE` names a file of two doubles,
in seconds: the longest time between two beats, and the longest time that the loop's thread computed between
two. The latter does not depend on what else runs on the machine. The reader sets both back to zero.
"""

import mmap
import os
import struct
import sys
import time
from asyncio import AbstractEventLoop

import uvloop

BEAT_SECONDS = 0.001
LAYOUT = struct.Struct("dd")


class Heartbeat:
    def __init__(self, loop: AbstractEventLoop, memory: mmap.mmap) -> None:
        self._loop = loop
        self._memory = memory
        self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._time, self._thread_time = time.perf_counter(), time.thread_time()
        self._loop.call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        gap = time.perf_counter() - self._time
        busy = time.thread_time() - self._thread_time
        longest, busiest = LAYOUT.unpack_from(self._memory)
        LAYOUT.pack_into(self._memory, 0, max(longest, gap), max(busiest, busy))
        self._begin()


def main() -> None:
    with open(os.environ["HEARTBEAT_FILE"], "r+b") as file:
        memory = mmap.mmap(file.fileno(), LAYOUT.size)
    new_event_loop = uvloop.new_event_loop

    def new_watched_loop() -> uvloop.Loop:
        loop = new_event_loop()
        Heartbeat(loop, memory)
        return loop

    uvloop.new_event_loop = new_watched_loop
    from app.cli import main as gateway

    sys.argv[0] = "gateway"
    gateway()


if __name__ == "__main__":
    main()
