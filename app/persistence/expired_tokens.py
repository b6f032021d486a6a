"""Deletes what expired long ago, a few rows with each one added, so that tables do not grow for ever."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.persistence.tables import AccessTokenRow, RefreshTokenRow

KEPT_AFTER_EXPIRY: Final = timedelta(days=30)  # who was issued what can be asked for that long
MAX_DELETED: Final = 20  # at a time: more than are added, and less than a millisecond of work


async def delete_expired_access_tokens(db_session: AsyncSession, now: datetime) -> None:
    await _delete_expired(db_session, AccessTokenRow.jti, AccessTokenRow.expires_at, now)


async def delete_expired_refresh_tokens(db_session: AsyncSession, now: datetime) -> None:
    await _delete_expired(db_session, RefreshTokenRow.id, RefreshTokenRow.expires_at, now)


async def _delete_expired(
    db_session: AsyncSession,
    key: InstrumentedAttribute[str],
    expires_at: InstrumentedAttribute[datetime],
    now: datetime,
) -> None:
    """On PostgreSQL rows that another transaction is deleting are left to it; on SQLite there is none."""
    expired = select(key).where(expires_at < now - KEPT_AFTER_EXPIRY).order_by(expires_at).limit(MAX_DELETED)
    which = key.in_(expired.with_for_update(skip_locked=True))
    await db_session.execute(delete(key.class_).where(which).execution_options(synchronize_session=False))
