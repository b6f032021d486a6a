"""A step between its launch and its results."""

from collections.abc import Callable
from dataclasses import dataclass

from inference.engine.scheduler import Chunk


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """`wait` blocks until the step is done.

    It returns the next token of each chunk that is sampled and None for the others, and raises what
    the device reports.
    """

    chunks: list[Chunk]
    wait: Callable[[], list[int | None]]
