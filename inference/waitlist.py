"""The requests of one worker as its backend sees them: who waits, who runs, and how long that takes."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from inference.engine.fair_queue import Queueable
from inference.engine.priority_queue import PriorityQueue
from inference.queue_place import Wait
from inference.types import GenerationRequest, Priority

SMOOTHING: Final = 0.1  # weight of the newest generation in the mean
MIN_RETRY_SECONDS: Final = 1
MAX_RETRY_SECONDS: Final = 60

T = TypeVar("T", bound=Queueable)


@dataclass(slots=True, eq=False)
class Queued:
    """A request in a waitlist, where nothing else stands for it."""

    request: GenerationRequest
    prompt_tokens: int = 0  # not known


class MeanDuration:
    """Of generations, from their beginning to their end. None before the first has ended."""

    def __init__(self) -> None:
        self.seconds: float | None = None

    def add(self, seconds: float) -> None:
        self.seconds = (
            seconds if self.seconds is None else self.seconds + SMOOTHING * (seconds - self.seconds)
        )


class Waitlist(Generic[T]):
    """Follows the queue of a worker, which may be in another thread or process, by what it reports.

    `duration` may be shared with other workers. Used in the event loop's thread.
    """

    def __init__(self, duration: MeanDuration, clock: Callable[[], float] = time.monotonic) -> None:
        self._duration = duration
        self._clock = clock
        self._queue = PriorityQueue[T]()
        self._waiting: set[T] = set()
        self._begun_at: dict[T, float] = {}
        self._positions: dict[T, int] | None = None  # None: the queue has changed

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._begun_at)

    @property
    def next_item(self) -> T | None:
        """The one that is begun next. None: nothing waits."""
        priority = self._queue.next_priority
        return None if priority is None else self._queue.peek(priority)

    def count(self, priority: Priority) -> int:
        """How many of that priority wait or run."""
        return self.waiting_of(priority) + sum(each.request.priority == priority for each in self._begun_at)

    def waiting_of(self, priority: Priority) -> int:
        return self._queue.count(priority)

    def add(self, item: T) -> None:
        self._queue.push(item)
        self._waiting.add(item)
        self._positions = None

    def begin(self, item: T) -> None:
        """Does nothing if it does not wait."""
        if item in self._waiting:
            self._waiting.remove(item)
            self._queue.take(item)
            self._positions = None
            self._begun_at[item] = self._clock()

    def end(self, item: T) -> None:
        """Whether it runs or waits. Does nothing for any other."""
        begun_at = self._begun_at.pop(item, None)
        if begun_at is not None:
            self._duration.add(self._clock() - begun_at)
        elif item in self._waiting:
            self._waiting.remove(item)
            self._queue.remove(item)
            self._positions = None

    def wait_of(self, item: T) -> Wait | None:
        """When it is begun, at the measured rate. None: it does not wait."""
        if item not in self._waiting:
            return None
        if self._positions is None:
            self._positions = {each: 1 + index for index, each in enumerate(self._queue.in_order())}
        position = self._positions[item]
        interval = self._seconds_per_beginning()
        return Wait(position, None if interval is None else position * interval)

    def retry_after_seconds(self) -> int | None:
        """How long the backlog takes at the measured rate. None: nothing is measured yet."""
        interval = self._seconds_per_beginning()
        if interval is None:
            return None
        return min(max(math.ceil(len(self) * interval), MIN_RETRY_SECONDS), MAX_RETRY_SECONDS)

    def _seconds_per_beginning(self) -> float | None:
        """One is begun when another ends. Those that run count as soon as they take longer than usual."""
        running = len(self._begun_at)
        if self._duration.seconds is None or not running:
            return None
        age = self._clock() - sum(self._begun_at.values()) / running
        return max(self._duration.seconds, age) / running
