"""A step that was launched, before its results are known."""

from collections.abc import Callable
from dataclasses import dataclass

from inference.engine.scheduler import Chunk


@dataclass(frozen=True, slots=True, eq=False)
class PendingStep:
    """`wait` blocks until the step is done.

    It returns the next token of each chunk that is sampled and None for the others. It raises the errors
    that the device reports.
    """

    chunks: list[Chunk]
    wait: Callable[[], list[int | None]]
