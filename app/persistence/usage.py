"""What generations used: written in groups, read as totals per user and UTC day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.columns import utc_day
from app.persistence.tables import UsageRow

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """One user's day. `failed` counts the generations among `requests` that did not end well."""

    day: date
    user_id: str
    requests: int
    failed: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class UsagePeriod:
    """Whole UTC days, both ends included."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """The first moment that is no longer part of it."""
        if self.last == date.max:
            return datetime.max.replace(tzinfo=UTC)
        return datetime.combine(self.last + ONE_DAY, time(), UTC)


async def add_usage(db_session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Stores rows of `UsageRow`'s columns; those that are there already are left as they are."""
    connection = await db_session.connection()
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    await connection.execute(insert(UsageRow).on_conflict_do_nothing(), rows)


async def tokens_used_on(db_session: AsyncSession, user_id: str, day: date) -> int:
    """Prompt and completion tokens of one user's UTC day."""
    period = UsagePeriod(day, day)
    total = func.coalesce(func.sum(UsageRow.prompt_tokens + UsageRow.completion_tokens), 0)
    query = select(total).where(
        UsageRow.user_id == user_id, UsageRow.at >= period.start, UsageRow.at < period.end
    )
    return int((await db_session.scalars(query)).one())


async def usage_by_day(
    db_session: AsyncSession,
    period: UsagePeriod,
    *,
    limit: int,
    user_id: str | None = None,
    after: tuple[str, str] | None = None,
) -> list[DailyUsage]:
    """Newest day first, then by user id; `after` is the (ISO day, user id) of the last one seen."""
    day = utc_day(UsageRow.at)
    query = (
        select(
            day,
            UsageRow.user_id,
            func.count(),
            func.sum(case((UsageRow.outcome == "ok", 0), else_=1)),
            func.sum(UsageRow.prompt_tokens),
            func.sum(UsageRow.completion_tokens),
        )
        .where(UsageRow.at >= period.start, UsageRow.at < period.end)
        .group_by(day, UsageRow.user_id)
        .order_by(day.desc(), UsageRow.user_id)
        .limit(limit)
    )
    if user_id is not None:
        query = query.where(UsageRow.user_id == user_id)
    if after is not None:
        after_day, after_user_id = after
        is_later = (day == after_day) & (UsageRow.user_id > after_user_id)
        query = query.where(or_(day < after_day, is_later))
    rows = await db_session.execute(query)
    return [
        DailyUsage(date.fromisoformat(text), user, requests, int(failed), int(prompt), int(completion))
        for text, user, requests, failed, prompt, completion in rows
    ]
