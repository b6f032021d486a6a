"""A queue with turns: round-robin over users, first in first out among the requests of one user."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from inference.types import GenerationRequest


class Queueable(Protocol):
    @property
    def request(self) -> GenerationRequest: ...
    @property
    def prompt_tokens(self) -> int: ...


T = TypeVar("T", bound=Queueable)


class FairQueue(Generic[T]):
    """The queue of one priority class. The first user in `_users` is next."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, deque[T]] = OrderedDict()
        self.prompt_tokens = 0

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._users.values())

    def __bool__(self) -> bool:
        """Without counting."""
        return bool(self._users)

    def push(self, item: T) -> None:
        """A user who has nothing in the queue comes after all users who have."""
        self._users.setdefault(item.request.fairness_key, deque()).append(item)
        self.prompt_tokens += item.prompt_tokens

    def push_front(self, item: T) -> None:
        """For a preempted sequence: its user is next."""
        fairness_key = item.request.fairness_key
        self._users.setdefault(fairness_key, deque()).appendleft(item)
        self._users.move_to_end(fairness_key, last=False)
        self.prompt_tokens += item.prompt_tokens

    def peek(self) -> T | None:
        for waiting in self._users.values():
            return waiting[0]
        return None

    def pop(self) -> T:
        """Removes and returns the item that `peek` returned. The next user is next."""
        fairness_key, waiting = next(iter(self._users.items()))
        item = waiting.popleft()
        self._users.move_to_end(fairness_key)
        self._forget_if_empty(fairness_key)
        self.prompt_tokens -= item.prompt_tokens
        return item

    def take(self, item: T) -> None:
        """Removes an item whose user has had a turn with it. Raises ValueError if it is not in the queue."""
        self.remove(item)
        if item.request.fairness_key in self._users:
            self._users.move_to_end(item.request.fairness_key)

    def in_order(self) -> Iterator[T]:
        """All items, as they would be popped if no other came."""
        users = [list(waiting) for waiting in self._users.values()]
        for turn in range(max(map(len, users), default=0)):
            for waiting in users:
                if turn < len(waiting):
                    yield waiting[turn]

    def remove(self, item: T) -> None:
        """Raises ValueError if it is not in the queue."""
        fairness_key = item.request.fairness_key
        self._users.get(fairness_key, deque()).remove(item)
        self._forget_if_empty(fairness_key)
        self.prompt_tokens -= item.prompt_tokens

    def _forget_if_empty(self, fairness_key: str) -> None:
        if not self._users[fairness_key]:
            del self._users[fairness_key]
