"""The moving window's entries in this process's memory, as a storage of the `limits` package.

The package's own MemoryStorage starts a task and a thread hop for every key at every hit, which
costs more than a whole request here, and cannot give an entry back.
"""

import time
from collections import deque
from collections.abc import Callable

from limits.aio.storage import MovingWindowSupport, Storage

MAX_KEYS = 100_000  # about 100 MB at ten entries a key


class MemoryWindowStorage(Storage, MovingWindowSupport):
    """Entries are Unix seconds, oldest first. Used from one event loop; nothing here suspends."""

    def __init__(self, clock: Callable[[], float] = time.time, max_keys: int = MAX_KEYS) -> None:
        super().__init__()
        self._clock = clock
        self._max_keys = max_keys
        # Least recently entered key first, so that what can be dropped stands at the front.
        self._windows: dict[str, tuple[int, deque[float]]] = {}  # key -> (expiry in s, entries)

    def __len__(self) -> int:
        return len(self._windows)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return await self.acquire_entry_at(self._clock(), key, limit, expiry, amount)

    async def acquire_entry_at(self, now: float, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        entries = self._windows.pop(key, (expiry, deque[float]()))[1]
        _drop_expired(entries, now, expiry)
        if len(entries) + amount > limit:
            if entries:
                self._windows[key] = (expiry, entries)
            return False
        entries.extend([now] * amount)
        self._windows[key] = (expiry, entries)
        self._drop_idle_keys(now)
        return True

    async def give_back(self, key: str, entered_at: float) -> None:
        """Takes one entry made at `entered_at` out again; does nothing when it has expired."""
        window = self._windows.get(key)
        if window is None:
            return
        entries = window[1]
        if entries and entries[-1] == entered_at:
            entries.pop()
        elif entered_at in entries:
            entries.remove(entered_at)
        if not entries:
            del self._windows[key]

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock()
        window = self._windows.get(key)
        if window is None:
            return now, 0
        entries = window[1]
        _drop_expired(entries, now, expiry)
        if not entries:
            del self._windows[key]
            return now, 0
        return entries[0], len(entries)

    def _drop_idle_keys(self, now: float) -> None:
        # Two a hit outpace one new key a hit, so expired keys go without a task that looks for them.
        for _ in range(2):
            oldest_key = next(iter(self._windows))
            expiry, entries = self._windows[oldest_key]
            is_idle = not entries or not (now - expiry < entries[-1] <= now)
            if not is_idle and len(self._windows) <= self._max_keys:
                return
            del self._windows[oldest_key]
            if not self._windows:
                return

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError("counters belong to fixed windows, which nothing here uses")

    async def get(self, key: str) -> int:
        window = self._windows.get(key)
        return len(window[1]) if window else 0

    async def get_expiry(self, key: str) -> float:
        window = self._windows.get(key)
        return window[1][0] + window[0] if window else self._clock()

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)


def _drop_expired(entries: deque[float], now: float, expiry: int) -> None:
    # An entry from the future means that the clock was set back; it must not block for hours.
    while entries and not (now - expiry < entries[0] <= now):
        entries.popleft()
