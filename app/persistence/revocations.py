"""Revocations: written by the process that revokes, read by every process that verifies tokens."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, Self

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.account_changes import ROWS_AT_ONCE
from app.persistence.tables import RevocationRow

RevocationKind = Literal["token", "family", "user"]
TOKEN: Final = "token"  # noqa: S105  (a kind of revocation)
FAMILY: Final = "family"
USER: Final = "user"

# When a wrong clock is corrected, a revoked token must not become valid again.
KEPT_AFTER_EXPIRY: Final = timedelta(days=30)


class Revocation(NamedTuple):
    """See `RevocationRow`."""

    kind: str
    subject: str
    not_after: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: RevocationRow) -> Self:
        return cls(row.kind, row.subject, row.not_after, row.expires_at)


async def add_revocation(
    db_session: AsyncSession,
    kind: RevocationKind,
    subject: str,
    *,
    not_after: datetime,
    expires_at: datetime,
    now: datetime,
) -> None:
    """Also deletes rows whose tokens expired long ago, so that the table stays small."""
    has_expired = RevocationRow.expires_at <= now - KEPT_AFTER_EXPIRY
    await db_session.execute(delete(RevocationRow).where(has_expired))
    db_session.add(RevocationRow(kind=kind, subject=subject, not_after=not_after, expires_at=expires_at))
    await db_session.flush()


def revocations_expiring_after(db_session: AsyncSession, at: datetime) -> AsyncIterator[Sequence[Revocation]]:
    return _revocations(db_session, RevocationRow.expires_at > at)


def revocations_added_after(
    db_session: AsyncSession, change_number: int
) -> AsyncIterator[Sequence[Revocation]]:
    return _revocations(db_session, RevocationRow.change_number > change_number)


async def _revocations(
    db_session: AsyncSession, which: ColumnElement[bool]
) -> AsyncIterator[Sequence[Revocation]]:
    columns = (RevocationRow.kind, RevocationRow.subject, RevocationRow.not_after, RevocationRow.expires_at)
    result = await db_session.stream(select(*columns).where(which))
    async for rows in result.partitions(ROWS_AT_ONCE):
        yield [Revocation(*row) for row in rows]


async def user_revoked_until(db_session: AsyncSession, user_id: str) -> datetime | None:
    """Tokens of this user issued at that time or before are revoked; None if none are."""
    query = select(func.max(RevocationRow.not_after)).where(
        RevocationRow.kind == USER, RevocationRow.subject == user_id
    )
    return await db_session.scalar(query)
