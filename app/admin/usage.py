"""Who used how much, per user and day, in pages."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.usage import DailyUsage, UsagePeriod, usage_by_day


async def read_usage(
    db_session: AsyncSession,
    period: UsagePeriod,
    *,
    limit: int,
    user_id: str | None = None,
    cursor: str | None = None,
) -> list[DailyUsage]:
    """Newest day first, then by user id; `cursor` is `cursor_of` the last row seen."""
    after = None
    if cursor is not None:
        day, _, last_user_id = cursor.partition(".")
        after = day, last_user_id
    return await usage_by_day(db_session, period, limit=limit, user_id=user_id, after=after)


def cursor_of(row: DailyUsage) -> str:
    return f"{row.day.isoformat()}.{row.user_id}"
