"""One budget of bytes for everything that the requests of this process hold: arriving bodies, bodies, media.

Counts bytes and does not know their content. Each of the three has its own share, and a request takes from
them in that order: it never waits for a share while it holds part of the same or of a later one, so that no
two requests wait for each other. Parts of a body that do not fit in memory are written to disk, which has a
separate share.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Literal

from app.errors import Overloaded

MAX_WAITING: Final = 1024  # in each share; each holds a connection and perhaps a file
MAX_OVERTAKINGS: Final = 8  # small reservations that may pass the first in the queue

ShareName = Literal["arriving", "bodies", "media", "disk", "streams"]
PARTS: Final[Mapping[ShareName, float]] = {"arriving": 1 / 8, "bodies": 3 / 8, "media": 1 / 2}


class MemoryBudget:
    """Created by `app/lifespan.py`; used only on the event loop. `clock` is monotonic seconds."""

    def __init__(
        self,
        total_bytes: int,
        disk_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        stream_bytes: int = 0,
    ) -> None:
        """`stream_bytes` are for recorded responses, which no request holds."""
        memory: dict[ShareName, MemoryShare] = {
            name: MemoryShare(int(total_bytes * part), clock) for name, part in PARTS.items()
        }
        self.streams = MemoryShare(stream_bytes, clock)
        self._of_requests = {**memory, "disk": MemoryShare(disk_bytes, clock)}
        self.shares: Mapping[ShareName, MemoryShare] = {**self._of_requests, "streams": self.streams}

    @property
    def used_bytes(self) -> int:
        """By requests, including the disk."""
        return sum(share.used_bytes for share in self._of_requests.values())

    def claim(self, deadline: float) -> "MemoryClaim":
        """A claim for one request, empty at first. It waits no longer than `deadline` (monotonic seconds)."""
        return MemoryClaim(self._of_requests, deadline)


class MemoryClaim:
    """Everything that one request holds of the budget; `close` releases it.

    Created and closed by `app/http/guard.py`, as a context manager; used by one task at a time.
    """

    def __init__(self, shares: Mapping[ShareName, "MemoryShare"], deadline: float) -> None:
        self._shares = shares
        self._deadline = deadline
        self._held_bytes: dict[ShareName, int] = dict.fromkeys(shares, 0)

    def held_bytes(self, share: ShareName) -> int:
        return self._held_bytes[share]

    def try_to_buffer(self, size: int) -> bool:
        """Take `size` bytes for a body that is arriving, without waiting. False means: write it to disk."""
        return self._take_now("arriving", size)

    def stop_buffering(self, size: int) -> None:
        """Release `size` bytes of what was buffered."""
        self.shrink("arriving", max(self._held_bytes["arriving"] - size, 0))

    def try_to_spool(self, size: int) -> bool:
        """Take `size` bytes of disk until the claim is closed, without waiting. False means: it is full."""
        return self._take_now("disk", size)

    async def reserve_body(self, size: int) -> None:
        """Wait for memory for the whole body and its parsed form. Raises `Overloaded`."""
        await self._reserve("bodies", size, before=("bodies", "media"))

    async def reserve_media(self, size: int) -> None:
        """Wait for memory for all decoded media of the request. `shrink` releases what is not needed.

        Call it once: two requests that each hold a part and wait for more would wait forever.

        Raises `Overloaded`.
        """
        await self._reserve("media", size, before=("media",))

    def shrink(self, share: ShareName, size: int) -> None:
        """Release all but `size` bytes; does nothing if less is held."""
        held_bytes = self._held_bytes[share]
        if size < held_bytes:
            self._held_bytes[share] = size
            self._shares[share].release(held_bytes - size)

    def close(self) -> None:
        """Release everything. May be called again."""
        for share, held_bytes in self._held_bytes.items():
            if held_bytes:
                self.shrink(share, 0)

    def __enter__(self) -> "MemoryClaim":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _take_now(self, share: ShareName, size: int) -> bool:
        is_taken = self._shares[share].take_now(size)
        if is_taken:
            self._held_bytes[share] += size
        return is_taken

    async def _reserve(self, share: ShareName, size: int, before: tuple[ShareName, ...]) -> None:
        assert not any(map(self.held_bytes, before)), "two requests could wait for each other"
        self._held_bytes[share] = await self._shares[share].take(size, self._deadline)


class MemoryShare:
    """A part of the budget and its queue: first come, first served, except that a bounded number of small
    reservations may pass a large one that does not fit yet.

    Neither can starve: the number that passes is bounded, and the large one waits no longer than its deadline
    and the deadlines of the requests that hold memory.
    """

    def __init__(self, capacity_bytes: int, clock: Callable[[], float]) -> None:
        self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._overtakings = 0  # of the first in the queue

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def take_now(self, size: int) -> bool:
        """Take `size` bytes if they are free and no other reservation waits."""
        if self._waiting or self.used_bytes + size > self.capacity_bytes:
            return False
        self.used_bytes += size
        return True

    async def take(self, size: int, deadline: float) -> int:
        """Wait for `size` bytes, or for all if `size` exceeds the capacity. Returns how many were taken.

        Raises `Overloaded` at the deadline (monotonic seconds), or if too many wait already.
        """
        size = min(size, self.capacity_bytes)
        if self.take_now(size):
            return size
        waiting = _Waiting(size)
        if len(self._waiting) >= MAX_WAITING:
            raise Overloaded
        self._waiting.append(waiting)
        self._serve()  # it may be small enough to pass the others
        if not waiting.is_served.done():
            await self._wait(waiting, deadline)
        return size

    def release(self, size: int) -> None:
        self.used_bytes -= size
        if self._waiting:
            self._serve()

    async def _wait(self, waiting: "_Waiting", deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline - self._clock()):
                await waiting.is_served
        except TimeoutError:
            self._leave(waiting)
            raise Overloaded from None
        except asyncio.CancelledError:
            self._leave(waiting)
            raise

    def _leave(self, waiting: "_Waiting") -> None:
        if not waiting.is_served.cancelled():
            self.release(waiting.size)  # it was served while it gave up
        elif waiting in self._waiting:
            self._waiting.remove(waiting)
            self._serve()

    def _serve(self) -> None:
        while self._waiting and self._fits(self._waiting[0]):
            self._overtakings = 0
            self._grant(self._waiting.popleft())
        for waiting in tuple(self._waiting)[1:]:
            if self._overtakings == MAX_OVERTAKINGS:
                return
            if self._fits(waiting):
                self._overtakings += 1
                self._waiting.remove(waiting)
                self._grant(waiting)

    def _fits(self, waiting: "_Waiting") -> bool:
        return self.used_bytes + waiting.size <= self.capacity_bytes

    def _grant(self, waiting: "_Waiting") -> None:
        if not waiting.is_served.cancelled():  # otherwise it is about to leave
            self.used_bytes += waiting.size
            waiting.is_served.set_result(None)


class _Waiting:
    __slots__ = ("is_served", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.is_served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
