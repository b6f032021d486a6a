"""With which keys the gateways of this database sign: their ids, and when each was last in use.

The keys themselves are not in the database. All times are the database's.
"""

from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.columns import database_now, database_time_in
from app.persistence.tables import SigningKeyRow
from app.persistence.upsert import insert_into

IN_USE_SECONDS: Final = 180.0  # after a gateway last said so
KEPT_SECONDS: Final = 86_400.0


async def note_signing_key(db_session: AsyncSession, key_id: str) -> None:
    """A gateway signs with it now."""
    insert = await insert_into(db_session, SigningKeyRow)
    seen = insert.values(key_id=key_id, seen_at=database_now())
    await db_session.execute(
        seen.on_conflict_do_update(index_elements=["key_id"], set_={"seen_at": database_now()})
    )
    await db_session.execute(
        delete(SigningKeyRow).where(SigningKeyRow.seen_at < database_time_in(-KEPT_SECONDS))
    )


async def signing_keys_in_use(db_session: AsyncSession) -> list[str]:
    """Their ids, in order."""
    query = select(SigningKeyRow.key_id).where(SigningKeyRow.seen_at > database_time_in(-IN_USE_SECONDS))
    return list(await db_session.scalars(query.order_by(SigningKeyRow.key_id)))
