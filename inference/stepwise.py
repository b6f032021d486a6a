"""Work that stops between its pieces, so that others are not kept waiting: generators with a result.

A piece is told in floating-point operations when it is done. Whoever drives the generator decides when
the next one is, always in one thread; a generator that is dropped there leaves nothing behind.
"""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Stepwise = Generator[float, None, T]  # yields the operations since it last did


def finish(work: Stepwise[T]) -> T:
    """Does all the rest at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
