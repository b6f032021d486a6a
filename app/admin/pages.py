"""Lists in pages: some rows, and the cursor of the next page."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")
Cursor = TypeVar("Cursor")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row, Cursor]):
    """`next_cursor` is None on the last page."""

    rows: Sequence[Row]
    next_cursor: Cursor | None


async def paginate(
    read: Callable[[int], Awaitable[Sequence[Row]]], limit: int, cursor_of: Callable[[Row], Cursor]
) -> Page[Row, Cursor]:
    """The first `limit` rows of a list. `read(count)` returns its first `count` rows, or fewer.

    Reads one row more than it returns, to know whether another page follows.
    """
    rows = await read(limit + 1)
    next_cursor = cursor_of(rows[limit - 1]) if len(rows) > limit else None
    return Page(rows[:limit], next_cursor)
