"""Where a request waits for its engine: its caller makes the place, and the backend that has it fills it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """`position` is 1 for the request that is begun next. None: unknown."""

    position: int | None = None
    expected_seconds: float | None = None  # until it is begun, at the measured rate


class QueuePlace:
    """Of one request. Used in the event loop's thread. A copy in another process says nothing."""

    __slots__ = ("_look",)

    def __init__(self) -> None:
        self._look: Callable[[], Wait | None] | None = None

    def enter(self, look: Callable[[], Wait | None]) -> None:
        """By the backend that holds the request. `look` returns None once the engine has begun it."""
        self._look = look

    def leave(self) -> None:
        """By the caller, once it does not wait. What `look` knows refers to the request, and so to this."""
        self._look = None

    def look(self) -> Wait | None:
        """None: no backend holds the request, or the engine has begun it."""
        return None if self._look is None else self._look()

    def __reduce__(self) -> tuple[type["QueuePlace"], tuple[()]]:
        """For pickling: what knows the queue stays here."""
        return QueuePlace, ()
