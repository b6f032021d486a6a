"""Users whose state every process keeps in memory: disabled ones and those with limits of their own."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.tables import UserRow


async def newest_user_change(db_session: AsyncSession) -> datetime | None:
    """By the database's clock; None while there is no user."""
    return await db_session.scalar(select(func.max(UserRow.changed_at)))


async def special_users(db_session: AsyncSession) -> Sequence[UserRow]:
    """Disabled users and those with a limit of their own."""
    query = select(UserRow).where(
        or_(
            UserRow.is_disabled,
            UserRow.requests_per_minute.is_not(None),
            UserRow.concurrent_requests.is_not(None),
            UserRow.daily_tokens.is_not(None),
        )
    )
    return (await db_session.scalars(query)).all()


async def users_changed_since(db_session: AsyncSession, since: datetime) -> Sequence[UserRow]:
    """Every user changed at `since` or later, special or not any more."""
    return (await db_session.scalars(select(UserRow).where(UserRow.changed_at >= since))).all()
