"""The tokens that were issued, by user. The tokens themselves are not stored."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock_steps import STEP_AHEAD
from app.persistence.expired_tokens import delete_expired_access_tokens
from app.persistence.tables import AccessTokenRow


async def add_access_token(db_session: AsyncSession, row: AccessTokenRow) -> None:
    """Also deletes a few that expired long ago, so that the table stays small."""
    await delete_expired_access_tokens(db_session, row.issued_at)
    db_session.add(row)
    await db_session.flush()


async def find_access_token(db_session: AsyncSession, token_id: str) -> AccessTokenRow | None:
    return await db_session.get(AccessTokenRow, token_id)


async def list_access_tokens(
    db_session: AsyncSession, *, limit: int, user_id: str | None = None, after_token_id: str | None = None
) -> Sequence[AccessTokenRow]:
    """Newest first; `after_token_id` is the previous page's last one."""
    order = tuple_(AccessTokenRow.issued_at, AccessTokenRow.jti)
    query = select(AccessTokenRow).order_by(AccessTokenRow.issued_at.desc(), AccessTokenRow.jti.desc())
    if user_id is not None:
        query = query.where(AccessTokenRow.user_id == user_id)
    if after_token_id is not None:
        seen = select(AccessTokenRow.issued_at, AccessTokenRow.jti).where(
            AccessTokenRow.jti == after_token_id
        )
        query = query.where(order < seen.scalar_subquery())
    return (await db_session.scalars(query.limit(limit))).all()


async def latest_issue(db_session: AsyncSession, user_id: str) -> datetime | None:
    """When the newest of the user's tokens was issued."""
    query = select(func.max(AccessTokenRow.issued_at)).where(AccessTokenRow.user_id == user_id)
    return await db_session.scalar(query)


async def latest_family_expiry(db_session: AsyncSession, family_id: str) -> datetime | None:
    """When the last of the family's access tokens expires."""
    query = select(func.max(AccessTokenRow.expires_at)).where(AccessTokenRow.family_id == family_id)
    return await db_session.scalar(query)


async def latest_user_expiry(db_session: AsyncSession, user_id: str) -> datetime | None:
    """When the last of the user's access tokens expires."""
    query = select(func.max(AccessTokenRow.expires_at)).where(AccessTokenRow.user_id == user_id)
    return await db_session.scalar(query)


async def mark_token_revoked(db_session: AsyncSession, token_id: str, now: datetime) -> None:
    await _mark_revoked(db_session, AccessTokenRow.jti == token_id, now)


async def mark_family_revoked(db_session: AsyncSession, family_id: str, now: datetime) -> None:
    await _mark_revoked(db_session, AccessTokenRow.family_id == family_id, now)


async def mark_user_revoked(db_session: AsyncSession, user_id: str, now: datetime) -> None:
    await _mark_revoked(db_session, AccessTokenRow.user_id == user_id, now)


async def _mark_revoked(db_session: AsyncSession, which: ColumnElement[bool], now: datetime) -> None:
    # Also recently expired ones: a clock that is ahead may be corrected, and they must not appear valid then.
    live = (which, AccessTokenRow.revoked_at.is_(None), AccessTokenRow.expires_at > now - STEP_AHEAD)
    await db_session.execute(update(AccessTokenRow).where(*live).values(revoked_at=now))
