"""How much memory recorded responses may take: one of them, those of one user, and all together.

Memory is taken in steps, so that an event costs no more than a comparison.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from app.errors import Overloaded, TooManyReaders
from app.memory_budget import MemoryShare

STEP_BYTES: Final = 8 * 1024
READER_BYTES: Final = 128 * 1024  # a piece of a response, and what the server has taken and not sent yet
RETRY_SECONDS: Final = 1  # until a reader may have left
OVERHEAD_BYTES: Final = 2 * 1024  # of a recording without its events: objects, timers, its places in tables

Evict = Callable[[str | None], bool]  # an ended recording of a user, or of anyone; False: there is none


class StreamBounds:
    """Created by `app/lifespan.py`. `share` is that of streams in the process's memory budget.

    Readers may hold as much memory as recordings may: of one stream, of one user, and all together.
    """

    def __init__(self, share: MemoryShare, max_stream_bytes: int, max_user_bytes: int) -> None:
        self.evict: Evict = _evict_nothing
        self._share = share
        self._max_stream_bytes = max_stream_bytes
        self._max_user_bytes = max_user_bytes
        self._held_by_user: Counter[str] = Counter()
        self._readers_of_user: Counter[str] = Counter()

    def hold(self, user_id: str) -> "HeldMemory | None":
        """The memory of a new recording. None: the user, or all together, have no more."""
        held = HeldMemory(self, user_id)
        return held if held.resize(OVERHEAD_BYTES + STEP_BYTES) else None

    def take(self, user_id: str, size: int) -> bool:
        """What has ended gives way, that of the same user first."""
        if size > min(self._max_user_bytes, self._share.capacity_bytes):
            return False
        while self._held_by_user[user_id] + size > self._max_user_bytes:
            if not self.evict(user_id):
                return False
        while not self._share.take_now(size):
            if not (self.evict(user_id) or self.evict(None)):
                return False
        self._held_by_user[user_id] += size
        return True

    def release(self, user_id: str, size: int) -> None:
        self._share.release(size)
        self._held_by_user[user_id] -= size
        if not self._held_by_user[user_id]:
            del self._held_by_user[user_id]

    def join(self, user_id: str, readers: int) -> None:
        """A further reader of a stream that has `readers`. Raises `TooManyReaders` and `Overloaded`."""
        of_user = self._readers_of_user[user_id]
        if readers >= _most(self._max_stream_bytes) or of_user >= _most(self._max_user_bytes):
            raise TooManyReaders(retry_after_seconds=RETRY_SECONDS)
        if self._readers_of_user.total() >= _most(self._share.capacity_bytes):
            raise Overloaded(retry_after_seconds=RETRY_SECONDS)
        self._readers_of_user[user_id] += 1

    def leave(self, user_id: str) -> None:
        self._readers_of_user[user_id] -= 1
        if not self._readers_of_user[user_id]:
            del self._readers_of_user[user_id]

    def fits_stream(self, size: int) -> bool:
        return size <= self._max_stream_bytes


class HeldMemory:
    """What one recording holds. Its owner resizes it, at the end to 0."""

    __slots__ = ("_bounds", "_readers", "_user_id", "size")

    def __init__(self, bounds: StreamBounds, user_id: str) -> None:
        self._bounds = bounds
        self._user_id = user_id
        self._readers = 0
        self.size = 0

    def resize(self, size: int) -> bool:
        """False: there is not so much, and nothing has changed. Less is always granted."""
        if size > self.size:
            if not self._bounds.fits_stream(size) or not self._bounds.take(self._user_id, size - self.size):
                return False
        else:
            self._bounds.release(self._user_id, self.size - size)
        self.size = size
        return True

    @contextmanager
    def joined(self) -> Iterator[None]:
        """As long as someone reads the recording. Raises `TooManyReaders` and `Overloaded`."""
        self._bounds.join(self._user_id, self._readers)
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            self._bounds.leave(self._user_id)


def _most(max_bytes: int) -> int:
    return max(max_bytes // READER_BYTES, 1)


def _evict_nothing(_: str | None) -> bool:
    return False
