"""Revocation rows: written by whoever revokes, read by every process that verifies tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.columns import database_now
from app.persistence.tables import RevocationRow

RevocationKind = Literal["token", "family", "user"]
TOKEN: Final = "token"  # noqa: S105  (a kind of revocation)
FAMILY: Final = "family"
USER: Final = "user"


async def add_revocation(
    db_session: AsyncSession,
    kind: RevocationKind,
    subject: str,
    *,
    not_after: datetime,
    expires_at: datetime,
) -> None:
    """Also drops the rows whose tokens have all expired, so that the table stays small."""
    await db_session.execute(delete(RevocationRow).where(RevocationRow.expires_at <= database_now()))
    db_session.add(RevocationRow(kind=kind, subject=subject, not_after=not_after, expires_at=expires_at))
    await db_session.flush()


async def revocations_since(db_session: AsyncSession, since: datetime | None) -> Sequence[RevocationRow]:
    """Every row written at `since` or later by the database's clock; None asks for all."""
    query = select(RevocationRow)
    if since is not None:
        query = query.where(RevocationRow.created_at >= since)
    return (await db_session.scalars(query)).all()


async def user_revoked_until(db_session: AsyncSession, user_id: str) -> datetime | None:
    """Tokens of this user issued at this moment or before are dead; None when there is no such moment."""
    query = select(func.max(RevocationRow.not_after)).where(
        RevocationRow.kind == USER, RevocationRow.subject == user_id
    )
    return await db_session.scalar(query)
