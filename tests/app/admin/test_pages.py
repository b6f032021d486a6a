"""Pages of a list."""

from collections.abc import Sequence

import pytest

from app.admin.pages import Page, paginate

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("length", "rows", "next_cursor"), [(0, [], None), (1, [0], None), (2, [0, 1], None), (3, [0, 1], "1")]
)
async def test_page_has_a_cursor_if_another_page_follows(
    length: int, rows: list[int], next_cursor: str | None
) -> None:
    async def read(count: int) -> Sequence[int]:
        return range(length)[:count]

    page = await paginate(read, 2, str)
    assert page == Page(range(len(rows)), next_cursor)
    assert list(page.rows) == rows
