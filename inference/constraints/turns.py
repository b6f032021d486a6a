"""Whose grammar is compiled next: users take turns, and each has at most one that is being compiled."""

from collections import OrderedDict, deque
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Any thread. Whoever takes a job calls `finish` with its user."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()  # the first user is next
        self._busy: set[str] = set()
        self._lock = Lock()

    def add(self, user: str, job: T) -> None:
        """A user who has nothing waiting comes after all users who have."""
        with self._lock:
            self._waiting.setdefault(user, deque()).append(job)

    def take(self) -> tuple[str, T] | None:
        """Returns the next job and its user. None: all who wait have a job that is not finished yet."""
        with self._lock:
            user = next((each for each in self._waiting if each not in self._busy), None)
            if user is None:
                return None
            job = self._waiting[user].popleft()
            self._waiting.move_to_end(user)
            if not self._waiting[user]:
                del self._waiting[user]
            self._busy.add(user)
            return user, job

    def finish(self, user: str) -> None:
        with self._lock:
            self._busy.discard(user)
