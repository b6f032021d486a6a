"""Usage per user and day, in pages."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.admin.pages import Page, paginate
from app.persistence.usage import DailyUsage, UsagePeriod, usage_by_day


async def read_usage(
    db_session: AsyncSession,
    period: UsagePeriod,
    *,
    limit: int,
    user_id: str | None = None,
    cursor: str | None = None,
) -> Page[DailyUsage, str]:
    """Newest day first, then by user id; the cursor consists of both."""
    after = None
    if cursor is not None:
        day, _, last_user_id = cursor.partition(".")
        after = day, last_user_id
    return await paginate(
        lambda count: usage_by_day(db_session, period, limit=count, user_id=user_id, after=after),
        limit,
        _cursor_after,
    )


def _cursor_after(row: DailyUsage) -> str:
    return f"{row.day.isoformat()}.{row.user_id}"
