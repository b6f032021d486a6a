"""A step that was launched, before its results are known."""

from collections.abc import Callable
from dataclasses import dataclass, field

from inference.engine.scheduler import Chunk


@dataclass(frozen=True, slots=True, eq=False)
class PendingStep:
    """`wait` blocks until the step is done.

    It returns the next token of each chunk that is sampled and None for the others. It raises the errors
    that the device reports. `are_sampled` says which chunks were sampled when the step was launched.
    """

    chunks: list[Chunk]
    wait: Callable[[], list[int | None]]
    are_sampled: list[bool] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "are_sampled", [chunk.is_sampled for chunk in self.chunks])
