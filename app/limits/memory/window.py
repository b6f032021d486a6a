"""The moving windows of all users, in this process's memory."""

from collections import deque
from typing import Final

from app.limits.request_window import WINDOW_SECONDS, WindowState

MAX_WINDOWS: Final = 100_000  # about 100 MB at ten requests each


class MemoryWindow:
    """Used from one event loop; nothing here suspends. Times are Unix seconds.

    A window belongs to a limit and a user, or a token with a rate of its own. It starts empty when the limit
    changes.
    """

    def __init__(self, max_windows: int = MAX_WINDOWS) -> None:
        self._max_windows = max_windows
        # The window entered least recently first, so that what can be dropped is at the front. Each holds the
        # times of its requests, the oldest first.
        self._windows: dict[tuple[str, int], deque[float]] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def enter(self, user_id: str, limit: int, now: float) -> tuple[bool, WindowState]:
        """Whether there was room for a request, which is then spent, and the state after it."""
        key = user_id, limit
        times = self._windows.pop(key, None) or deque()
        _drop_expired(times, now)
        has_entered = len(times) < limit
        if has_entered:
            times.append(now)
        if times:
            self._windows[key] = times
        if has_entered:
            self._drop_idle_windows(now)
        return has_entered, _state(times, limit, now)

    def give_back(self, user_id: str, limit: int, entered_at: float) -> None:
        """Removes one request made at `entered_at`; does nothing when it has expired."""
        times = self._windows.get((user_id, limit))
        if times is None:
            return
        if times and times[-1] == entered_at:
            times.pop()
        elif entered_at in times:
            times.remove(entered_at)
        if not times:
            del self._windows[user_id, limit]

    def state(self, user_id: str, limit: int, now: float) -> WindowState:
        times = self._windows.get((user_id, limit), deque[float]())
        _drop_expired(times, now)
        if not times:
            self._windows.pop((user_id, limit), None)
        return _state(times, limit, now)

    def _drop_idle_windows(self, now: float) -> None:
        # Two for each request outpace one new window, so expired ones go without a task that looks for them.
        for _ in range(2):
            key = next(iter(self._windows))
            is_idle = not _is_within(self._windows[key][-1], now)
            if not is_idle and len(self._windows) <= self._max_windows:
                return
            del self._windows[key]
            if not self._windows:
                return


def _is_within(time: float, now: float) -> bool:
    # A request from the future was made before the clock was set back: it must not block for hours.
    return now - WINDOW_SECONDS < time <= now


def _drop_expired(times: deque[float], now: float) -> None:
    while times and not _is_within(times[0], now):
        times.popleft()


def _state(times: deque[float], limit: int, now: float) -> WindowState:
    return WindowState.at(now, limit, len(times), times[0] if times else now)
