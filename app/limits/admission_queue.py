"""Admits a bounded number of generations to this process, and tells the rest how long to wait."""

import time
from collections.abc import Callable

from app.errors import Overloaded
from app.work_pace import retry_after_seconds
from inference import Priority, most_of_batch

SMOOTHING = 0.1  # weight of the newest interval between two completions


class AdmissionQueue:
    """Counts generations that run or wait. Used from one event loop; `clock` is monotonic seconds."""

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._in_flight: dict[Priority, int] = {"interactive": 0, "batch": 0}
        self._mean_interval: float | None = None  # s between two completions while busy
        self._last_event = 0.0  # the last completion, or when the queue was last empty

    @property
    def in_flight(self) -> int:
        return sum(self._in_flight.values())

    def reserve(self, priority: Priority = "interactive") -> "Place":
        """Raises `Overloaded` with the seconds after which a place is likely.

        Batch requests leave some places to interactive ones.
        """
        is_full = self.in_flight >= self._capacity
        if priority == "batch":
            is_full = is_full or self._in_flight["batch"] >= most_of_batch(self._capacity)
        if is_full:
            raise Overloaded(retry_after_seconds=self.retry_after_seconds())
        if self.in_flight == 0:
            self._last_event = self._clock()  # idle time does not count as slowness
        self._in_flight[priority] += 1
        return Place(self, priority)

    def retry_after_seconds(self) -> int:
        """How long the backlog takes at the measured rate of completions."""
        since_last = self._clock() - self._last_event
        # A stall counts as soon as it is longer than usual, before the completion that ends it.
        interval = max(self._mean_interval or 0.0, since_last)
        return retry_after_seconds(self.in_flight * interval)

    def complete(self, priority: Priority) -> None:
        now = self._clock()
        interval = now - self._last_event
        if self._mean_interval is None:
            self._mean_interval = interval
        else:
            self._mean_interval += SMOOTHING * (interval - self._mean_interval)
        self._last_event = now
        self._in_flight[priority] -= 1


class Place:
    """One generation's place. The caller that reserved it releases it, once or more."""

    __slots__ = ("_is_released", "_priority", "_queue")

    def __init__(self, queue: AdmissionQueue, priority: Priority) -> None:
        self._queue = queue
        self._priority: Priority = priority
        self._is_released = False

    def release(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._queue.complete(self._priority)
