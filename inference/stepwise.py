"""Work in pieces, with pauses in which the caller can do something else: generators with a result.

After each piece a generator yields the piece's floating-point operations. The caller decides when the next
piece runs, always in the same thread. It may drop the generator at any time: no state is left.
"""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Stepwise = Generator[float, None, T]  # yields the operations since its last yield


def finish(work: Stepwise[T]) -> T:
    """Runs all remaining pieces and returns the result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
