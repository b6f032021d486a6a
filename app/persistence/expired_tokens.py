"""Deletes rows that expired long ago, a few with each new row, so that tables do not grow without bound."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.persistence.tables import AccessTokenRow, RefreshTokenRow

KEPT_AFTER_EXPIRY: Final = timedelta(days=30)  # so long operators can list what was issued
MAX_DELETED: Final = 20  # with each new row; takes less than a millisecond


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
    """On PostgreSQL, skips rows that another transaction is deleting; SQLite has one writer at a time."""
    expired = select(key).where(expires_at < now - KEPT_AFTER_EXPIRY).order_by(expires_at).limit(MAX_DELETED)
    which = key.in_(expired.with_for_update(skip_locked=True))
    await db_session.execute(delete(key.class_).where(which).execution_options(synchronize_session=False))
