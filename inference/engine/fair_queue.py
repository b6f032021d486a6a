"""Whose turn it is: round-robin over users, first come first served within one user's requests."""

from collections import OrderedDict, deque
from typing import Generic, Protocol, TypeVar

from inference.types import GenerationRequest


class Waiting(Protocol):
    @property
    def request(self) -> GenerationRequest: ...
    @property
    def prompt_tokens(self) -> int: ...


T = TypeVar("T", bound=Waiting)


class FairQueue(Generic[T]):
    """Those who wait in one priority class. The first user in `_users` is next."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, deque[T]] = OrderedDict()
        self.prompt_tokens = 0

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._users.values())

    def push(self, item: T) -> None:
        """A user who was not waiting comes after all who are."""
        self._users.setdefault(item.request.fairness_key, deque()).append(item)
        self.prompt_tokens += item.prompt_tokens

    def push_front(self, item: T) -> None:
        """For one that was preempted, which has had its turn already."""
        fairness_key = item.request.fairness_key
        self._users.setdefault(fairness_key, deque()).appendleft(item)
        self._users.move_to_end(fairness_key, last=False)
        self.prompt_tokens += item.prompt_tokens

    def peek(self) -> T | None:
        for waiting in self._users.values():
            return waiting[0]
        return None

    def pop(self) -> T:
        """Takes what `peek` returned, and passes the turn on."""
        fairness_key, waiting = next(iter(self._users.items()))
        item = waiting.popleft()
        self._users.move_to_end(fairness_key)
        self._forget_if_empty(fairness_key)
        self.prompt_tokens -= item.prompt_tokens
        return item

    def remove(self, item: T) -> None:
        """Raises ValueError when it does not wait here."""
        fairness_key = item.request.fairness_key
        self._users.get(fairness_key, deque()).remove(item)
        self._forget_if_empty(fairness_key)
        self.prompt_tokens -= item.prompt_tokens

    def _forget_if_empty(self, fairness_key: str) -> None:
        if not self._users[fairness_key]:
            del self._users[fairness_key]
