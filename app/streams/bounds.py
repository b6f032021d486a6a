"""How much memory recorded responses may take: one of them, those of one user, and all together.

Memory is taken in steps, so that an event costs no more than a comparison.
"""

from collections import Counter
from typing import Final

from app.memory_budget import MemoryShare

STEP_BYTES: Final = 8 * 1024
OVERHEAD_BYTES: Final = 2 * 1024  # of a recording without its events: objects, timers, its places in tables


class StreamBounds:
    """Created by `app/lifespan.py`. `share` is that of streams in the process's memory budget."""

    def __init__(self, share: MemoryShare, max_stream_bytes: int, max_user_bytes: int) -> None:
        self._share = share
        self._max_stream_bytes = max_stream_bytes
        self._max_user_bytes = max_user_bytes
        self._held_by_user: Counter[str] = Counter()

    def hold(self, user_id: str) -> "HeldMemory | None":
        """The memory of a new recording. None: the user, or all together, have no more."""
        held = HeldMemory(self, user_id)
        return held if held.resize(OVERHEAD_BYTES + STEP_BYTES) else None

    def take(self, user_id: str, size: int) -> bool:
        if self._held_by_user[user_id] + size > self._max_user_bytes or not self._share.take_now(size):
            return False
        self._held_by_user[user_id] += size
        return True

    def release(self, user_id: str, size: int) -> None:
        self._share.release(size)
        self._held_by_user[user_id] -= size
        if not self._held_by_user[user_id]:
            del self._held_by_user[user_id]

    def fits_stream(self, size: int) -> bool:
        return size <= self._max_stream_bytes


class HeldMemory:
    """What one recording holds. Its owner resizes it, at the end to 0."""

    __slots__ = ("_bounds", "_user_id", "size")

    def __init__(self, bounds: StreamBounds, user_id: str) -> None:
        self._bounds = bounds
        self._user_id = user_id
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
