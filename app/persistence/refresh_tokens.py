"""Refresh tokens by their hash, and the lock that changes of a user's tokens take."""

from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.expired_tokens import delete_expired_refresh_tokens
from app.persistence.tables import AccessTokenRow, RefreshTokenRow, UserRow


async def lock_user(db_session: AsyncSession, user_id: str) -> UserRow | None:
    """The user as stored now. Until this transaction ends, no other one changes the user's tokens.

    PostgreSQL locks the row; on SQLite there is only one writing transaction anyway.
    """
    query = select(UserRow).where(UserRow.id == user_id).with_for_update()
    return await db_session.scalar(query.execution_options(populate_existing=True))


async def add_refresh_token(db_session: AsyncSession, row: RefreshTokenRow) -> None:
    """Also deletes a few that expired long ago, so that the table stays small."""
    await delete_expired_refresh_tokens(db_session, row.created_at)
    db_session.add(row)
    await db_session.flush()


async def find_refresh_token(db_session: AsyncSession, token_hash: str) -> RefreshTokenRow | None:
    """As stored now, whatever this session read before."""
    query = select(RefreshTokenRow).where(RefreshTokenRow.token_hash == token_hash)
    return await db_session.scalar(query.execution_options(populate_existing=True))


async def is_unused(db_session: AsyncSession, refresh_token_id: str) -> bool:
    """As stored now; False if it does not exist."""
    query = select(RefreshTokenRow.id).where(
        RefreshTokenRow.id == refresh_token_id, RefreshTokenRow.used_at.is_(None)
    )
    return await db_session.scalar(query) is not None


async def family_owner(db_session: AsyncSession, family_id: str) -> str | None:
    """The id of the family's user."""
    of_refresh_token = select(RefreshTokenRow.user_id).where(RefreshTokenRow.family_id == family_id)
    # A long-lived access token may outlast the rows of its family's refresh tokens.
    of_access_token = select(AccessTokenRow.user_id).where(AccessTokenRow.family_id == family_id)
    return await db_session.scalar(of_refresh_token.union(of_access_token).limit(1))


async def mark_family_unusable(db_session: AsyncSession, family_id: str, now: datetime) -> None:
    await _mark_unusable(db_session, RefreshTokenRow.family_id == family_id, now)


async def mark_user_unusable(db_session: AsyncSession, user_id: str, now: datetime) -> None:
    await _mark_unusable(db_session, RefreshTokenRow.user_id == user_id, now)


async def _mark_unusable(db_session: AsyncSession, which: ColumnElement[bool], now: datetime) -> None:
    live = (which, RefreshTokenRow.revoked_at.is_(None))
    await db_session.execute(update(RefreshTokenRow).where(*live).values(revoked_at=now))
