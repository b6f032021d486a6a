"""Who changed what: written in the transaction of the change, and never modified."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.tables import AuditRow


async def add_audit_entry(db_session: AsyncSession, row: AuditRow) -> None:
    db_session.add(row)
    await db_session.flush()


async def list_audit_entries(
    db_session: AsyncSession, *, limit: int, before_id: int | None = None
) -> Sequence[AuditRow]:
    """Newest first; `before_id` is the previous page's last one."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditRow.id < before_id)
    return (await db_session.scalars(query)).all()
