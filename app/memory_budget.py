"""One budget of bytes for everything that the requests of this process hold: arriving bodies, bodies, media.

Knows sizes and requests, not what the bytes are. Each of the three has a share of its own, and a request
takes from them in that order: it never waits for a share while it holds some of the same or of a later
one, so no two requests can wait for each other. What does not arrive in memory is put on disk, which has
a share beside the total.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Literal

from app.errors import Overloaded

MAX_WAITING: Final = 1024  # in each share; each has a connection and perhaps a file
MAX_OVERTAKINGS: Final = 8  # small reservations that pass the first in the queue before it must be next

ShareName = Literal["arriving", "bodies", "media", "disk"]
PARTS: Final[Mapping[ShareName, float]] = {"arriving": 1 / 8, "bodies": 3 / 8, "media": 1 / 2}


class MemoryBudget:
    """Created by `app/lifespan.py`; used from the event loop alone. `clock` is monotonic seconds."""

    def __init__(
        self, total_bytes: int, disk_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        memory = {name: MemoryShare(int(total_bytes * part), clock) for name, part in PARTS.items()}
        self.shares: Mapping[ShareName, MemoryShare] = {**memory, "disk": MemoryShare(disk_bytes, clock)}

    @property
    def used_bytes(self) -> int:
        """Of all shares, the disk included."""
        return sum(share.used_bytes for share in self.shares.values())

    def claim(self, deadline: float) -> "MemoryClaim":
        """What one request holds; nothing at first. It waits until `deadline` at most (monotonic)."""
        return MemoryClaim(self.shares, deadline)


class MemoryClaim:
    """Everything that one request holds of the budget, given back by `close`.

    Made and closed by `app/http/guard.py`, as a context manager; used by one task at a time.
    """

    def __init__(self, shares: Mapping[ShareName, "MemoryShare"], deadline: float) -> None:
        self._shares = shares
        self._deadline = deadline
        self._held_bytes: dict[ShareName, int] = dict.fromkeys(shares, 0)

    def held_bytes(self, share: ShareName) -> int:
        return self._held_bytes[share]

    def try_to_buffer(self, size: int) -> bool:
        """Takes `size` more for what has arrived of a body. It never waits: False says to put it on disk."""
        return self._take_now("arriving", size)

    def stop_buffering(self, size: int) -> None:
        """Gives back `size` bytes of what was buffered."""
        self.shrink("arriving", max(self._held_bytes["arriving"] - size, 0))

    def try_to_spool(self, size: int) -> bool:
        """Takes `size` bytes of disk, until the claim is closed. It never waits: False says it is full."""
        return self._take_now("disk", size)

    async def reserve_body(self, size: int) -> None:
        """Waits for memory for the whole body and what is made of it. Raises `Overloaded`."""
        await self._reserve("bodies", size, before=("bodies", "media"))

    async def reserve_media(self, size: int) -> None:
        """Waits for memory for all decoded media of the request: once, as two requests that each hold a
        part and wait for another would wait for ever. `shrink` gives back what turns out not to be needed.

        Raises `Overloaded`.
        """
        await self._reserve("media", size, before=("media",))

    def shrink(self, share: ShareName, size: int) -> None:
        """Gives back all but `size` bytes; does nothing if less is held."""
        held_bytes = self._held_bytes[share]
        if size < held_bytes:
            self._held_bytes[share] = size
            self._shares[share].release(held_bytes - size)

    def close(self) -> None:
        """Gives everything back; may be called again."""
        for share in self._held_bytes:
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
    """A part of the budget and the queue for it: first come, first served, but for a bounded number of
    small reservations that pass a large one for which there is no room yet.

    Neither can starve: what passes is bounded by a number, the wait for the large one by its deadline and by
    the deadlines of those who hold memory.
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
        """Takes `size` bytes if they are free and nobody waits for them."""
        if self._waiting or self.used_bytes + size > self.capacity_bytes:
            return False
        self.used_bytes += size
        return True

    async def take(self, size: int, deadline: float) -> int:
        """Returns how many bytes were taken: of more than there are at all, all of them.

        Raises `Overloaded` at the deadline (monotonic seconds), or when too many wait already.
        """
        size = min(size, self.capacity_bytes)
        if self.take_now(size):
            return size
        waiting = _Waiting(size)
        if len(self._waiting) >= MAX_WAITING:
            raise Overloaded
        self._waiting.append(waiting)
        self._serve()  # it may be small enough to pass those that wait
        if not waiting.is_served.done():
            await self._wait(waiting, deadline)
        return size

    def release(self, size: int) -> None:
        self.used_bytes -= size
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
            self.release(waiting.size)  # served while it gave up
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
