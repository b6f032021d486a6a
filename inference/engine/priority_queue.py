"""The order in which requests are served: interactive ones first, batch ones with a share, users in turns."""

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from inference.engine.fair_queue import FairQueue, Queueable
from inference.types import PRIORITIES, Priority

BATCH_SHARE: Final = 8  # one of so many is a batch request, while interactive ones wait too

T = TypeVar("T", bound=Queueable)


class PriorityQueue(Generic[T]):
    """A `FairQueue` for each priority.

    While both wait, seven interactive items are popped, then one of batch: a flood of either delays the
    other, and stops neither.
    """

    def __init__(self) -> None:
        self._queues = {priority: FairQueue[T]() for priority in PRIORITIES}
        self._passed_over = 0  # interactive items popped since the last one of batch, while batch waited

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __bool__(self) -> bool:
        """Without counting."""
        return self.has_interactive or bool(self._queues["batch"])

    def count(self, priority: Priority) -> int:
        return len(self._queues[priority])

    @property
    def prompt_tokens(self) -> int:
        return sum(queue.prompt_tokens for queue in self._queues.values())

    def prompt_tokens_of(self, priority: Priority) -> int:
        return self._queues[priority].prompt_tokens

    @property
    def is_batch_due(self) -> bool:
        """Batch waits, and enough interactive items were popped before it."""
        return bool(self._queues["batch"]) and self._passed_over >= BATCH_SHARE - 1

    @property
    def has_interactive(self) -> bool:
        return bool(self._queues["interactive"])

    @property
    def next_priority(self) -> Priority | None:
        """Whose turn it is. None if nothing waits."""
        if not self.has_interactive:
            return "batch" if self._queues["batch"] else None
        return "batch" if self.is_batch_due else "interactive"

    def push(self, item: T) -> None:
        self._queues[item.request.priority].push(item)

    def push_front(self, item: T, *, is_due: bool = False) -> None:
        """For a preempted sequence: its user is next and, if it `is_due`, so is its priority."""
        self._queues[item.request.priority].push_front(item)
        if is_due and item.request.priority == "batch":
            self._passed_over = BATCH_SHARE - 1

    def peek(self, priority: Priority) -> T | None:
        return self._queues[priority].peek()

    def pop(self, priority: Priority) -> T:
        """Removes and returns the item that `peek` returned."""
        self._note_turn(priority)
        return self._queues[priority].pop()

    def take(self, item: T) -> None:
        """Removes an item as `pop` does: it was served. Raises ValueError if it is not in the queue."""
        self._queues[item.request.priority].take(item)
        self._note_turn(item.request.priority)

    def remove(self, item: T) -> None:
        """Raises ValueError if it is not in the queue."""
        self._queues[item.request.priority].remove(item)

    def skip_batch(self) -> None:
        """Batch has had its turn in another way."""
        self._passed_over = 0

    def in_order(self) -> Iterator[T]:
        """All items, as they would be popped if no other came."""
        interactive, batch = (queue.in_order() for queue in self._queues.values())
        passed_over = self._passed_over
        next_batch = next(batch, None)
        for item in interactive:
            if next_batch is not None and passed_over >= BATCH_SHARE - 1:
                yield next_batch
                next_batch, passed_over = next(batch, None), 0
            yield item
            passed_over += next_batch is not None
        while next_batch is not None:
            yield next_batch
            next_batch = next(batch, None)

    def _note_turn(self, priority: Priority) -> None:
        if priority == "batch":
            self._passed_over = 0
        elif len(self._queues["batch"]):
            self._passed_over += 1
