"""Totals of usage per user and UTC day, on both databases."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from app.persistence.database import Database
from app.persistence.tables import UsageRow
from app.persistence.usage import (
    DailyUsage,
    Row,
    UsagePeriod,
    add_usage,
    datetime_text,
    tokens_used_on,
    usage_by_day,
)

pytestmark = pytest.mark.anyio

PI_DAY = date(2026, 3, 14)
MIDNIGHT = datetime(2026, 3, 14, tzinfo=UTC)
ALL = UsagePeriod(date(2026, 1, 1), date(2026, 12, 31))

MakeRow = Callable[..., Row]


@pytest.fixture
def make_row() -> MakeRow:
    made = []

    def make(user_id: str = "usr_a", at: datetime = MIDNIGHT, **columns: str | int | None) -> Row:
        made.append(user_id)
        return {
            "id": f"row{len(made)}",
            "request_id": "req_1",
            "at": datetime_text(at),
            "user_id": user_id,
            "route": "/chat",
            "model": "scripted",
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "queue_ms": 0,
            "ttft_ms": None,
            "total_ms": 1,
            "outcome": "ok",
        } | columns

    return make


async def add(database: Database, *rows: Row) -> None:
    async with database.session() as db_session:
        await add_usage(db_session, rows)


async def by_day(database: Database, period: UsagePeriod = ALL, **options: Any) -> list[DailyUsage]:
    async with database.session(read_only=True) as db_session:
        return await usage_by_day(db_session, period, **{"limit": 100} | options)


async def test_row_that_is_stored_twice_counts_once(database: Database, make_row: MakeRow) -> None:
    row = make_row()
    await add(database, row)
    await add(database, row, make_row())
    (day,) = await by_day(database)
    assert day.requests == 2


async def test_row_is_stored_unchanged(database: Database, make_row: MakeRow) -> None:
    at = datetime(2026, 3, 14, 17, 26, 53, 589793, tzinfo=timezone(timedelta(hours=8)))
    await add(database, make_row("usr_\u96ea'\"\\", at, ttft_ms=5, outcome="deadline"), make_row())
    async with database.session(read_only=True) as db_session:
        first, second = await db_session.scalars(select(UsageRow).order_by(UsageRow.id))
    assert first.at == at
    assert (first.user_id, first.ttft_ms, first.outcome) == ("usr_\u96ea'\"\\", 5, "deadline")
    assert (first.prompt_tokens, first.completion_tokens) == (3, 2)
    assert (second.at, second.ttft_ms) == (MIDNIGHT, None)


async def test_totals_are_per_user_and_day_newest_first(database: Database, make_row: MakeRow) -> None:
    await add(
        database,
        make_row("usr_b", prompt_tokens=10, completion_tokens=1),
        make_row("usr_b", prompt_tokens=20, completion_tokens=2, outcome="deadline"),
        make_row("usr_a"),
        make_row("usr_a", MIDNIGHT + timedelta(days=1)),
    )
    assert await by_day(database) == [
        DailyUsage(PI_DAY + timedelta(days=1), "usr_a", 1, 0, 3, 2),
        DailyUsage(PI_DAY, "usr_a", 1, 0, 3, 2),
        DailyUsage(PI_DAY, "usr_b", 2, 1, 30, 3),
    ]


async def test_period_includes_both_its_ends(database: Database, make_row: MakeRow) -> None:
    microsecond = timedelta(microseconds=1)
    for at in (
        MIDNIGHT - microsecond,
        MIDNIGHT,
        MIDNIGHT + timedelta(days=1) - microsecond,
        MIDNIGHT + timedelta(days=1),
    ):
        await add(database, make_row(at=at))
    (day,) = await by_day(database, UsagePeriod(PI_DAY, PI_DAY))
    assert (day.day, day.requests) == (PI_DAY, 2)


async def test_period_can_be_all_of_time(database: Database, make_row: MakeRow) -> None:
    await add(database, make_row())
    assert len(await by_day(database, UsagePeriod(date.min, date.max))) == 1


async def test_pages_have_no_gap_and_no_overlap(database: Database, make_row: MakeRow) -> None:
    rows = [make_row(f"usr_{user}", MIDNIGHT + timedelta(days=day)) for day in range(3) for user in "abc"]
    await add(database, *rows)
    whole = await by_day(database)
    pages: list[DailyUsage] = []
    after = None
    while page := await by_day(database, limit=2, after=after):
        pages += page
        after = page[-1].day.isoformat(), page[-1].user_id
    assert pages == whole
    assert len(whole) == 9


async def test_usage_of_one_user_excludes_others(database: Database, make_row: MakeRow) -> None:
    await add(database, make_row("usr_a"), make_row("usr_b"))
    assert [day.user_id for day in await by_day(database, user_id="usr_b")] == ["usr_b"]


async def test_tokens_of_a_day_are_prompt_and_completion_of_that_user_and_day(
    database: Database, make_row: MakeRow
) -> None:
    await add(
        database,
        make_row("usr_a", prompt_tokens=100, completion_tokens=11),
        make_row("usr_a", MIDNIGHT + timedelta(hours=23), prompt_tokens=200, completion_tokens=22),
        make_row("usr_a", MIDNIGHT - timedelta(hours=1)),
        make_row("usr_b"),
    )
    async with database.session(read_only=True) as db_session:
        assert await tokens_used_on(db_session, "usr_a", PI_DAY) == 333
        assert await tokens_used_on(db_session, "usr_nobody", PI_DAY) == 0
