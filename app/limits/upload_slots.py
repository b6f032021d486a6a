"""Bounds the large bodies that one user may send at once before the limits of users have admitted them.

A request with an Idempotency-Key is read before it is admitted, since a retry must not use up a limit.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.errors import ConcurrencyLimitExceeded

RETRY_SECONDS: Final = 1  # when an upload ends is unknown


class UploadSlots:
    """One for the process; nothing to close."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def claim(self, user_id: str, max_slots: int) -> "Iterator[UploadSlot]":
        """A slot that is taken if `take` is called, and free again after the block."""
        slot = UploadSlot(self._taken, user_id, max_slots)
        try:
            yield slot
        finally:
            slot.free()


class UploadSlot:
    def __init__(self, taken: Counter[str], user_id: str, max_slots: int) -> None:
        self._taken = taken
        self._user_id = user_id
        self._max_slots = max_slots
        self._is_taken = False

    def take(self) -> None:
        """May be called again. Raises `ConcurrencyLimitExceeded`."""
        if self._is_taken:
            return
        if self._taken[self._user_id] >= self._max_slots:
            raise ConcurrencyLimitExceeded(retry_after_seconds=RETRY_SECONDS)
        self._taken[self._user_id] += 1
        self._is_taken = True

    def free(self) -> None:
        if self._is_taken:
            self._taken[self._user_id] -= 1
        if not self._taken[self._user_id]:
            del self._taken[self._user_id]
