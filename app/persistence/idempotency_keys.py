"""Idempotency keys by their hash: claimed by one run at a time, then kept with its response.

All times are the database's, which several gateways share. A row whose `expires_at` has passed counts as
absent: its run ended long ago, or its gateway was killed and did not renew the lease.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import CursorResult, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.columns import database_now, database_time_in
from app.persistence.tables import IdempotencyKeyRow
from app.persistence.upsert import insert_into

MAX_DELETED: Final = 500  # in one transaction


class KeyState(NamedTuple):
    """See `IdempotencyKeyRow`."""

    fingerprint: str
    run_id: str
    is_running: bool
    response: bytes | None


async def find_key(db_session: AsyncSession, key_hash: str) -> KeyState | None:
    columns = (
        IdempotencyKeyRow.fingerprint,
        IdempotencyKeyRow.run_id,
        IdempotencyKeyRow.owner.is_not(None),
        IdempotencyKeyRow.response,
    )
    query = select(*columns).where(
        IdempotencyKeyRow.key_hash == key_hash, IdempotencyKeyRow.expires_at > database_now()
    )
    row = (await db_session.execute(query)).one_or_none()
    return None if row is None else KeyState(*row)


async def claim_key(
    db_session: AsyncSession,
    *,
    key_hash: str,
    fingerprint: str,
    run_id: str,
    owner: str,
    lease_seconds: float,
) -> bool:
    """One statement, so that of concurrent claims exactly one succeeds."""
    values = {
        "fingerprint": fingerprint,
        "run_id": run_id,
        "owner": owner,
        "expires_at": database_time_in(lease_seconds),
        "response": None,
        "response_bytes": 0,
    }
    insert = await insert_into(db_session, IdempotencyKeyRow)
    claim = insert.values(key_hash=key_hash, **values).on_conflict_do_update(
        index_elements=[IdempotencyKeyRow.key_hash],
        set_=values,
        where=IdempotencyKeyRow.expires_at <= database_now(),
    )
    claimed = await db_session.execute(claim.returning(IdempotencyKeyRow.key_hash))
    return claimed.first() is not None


async def finish_key(
    db_session: AsyncSession, *, key_hash: str, run_id: str, response: bytes | None, kept_seconds: float
) -> bool:
    """False if another run has the key now, since the lease of this one was not renewed in time."""
    is_own = and_(IdempotencyKeyRow.key_hash == key_hash, IdempotencyKeyRow.run_id == run_id)
    finished = await _execute(
        db_session,
        update(IdempotencyKeyRow)
        .where(is_own)
        .values(
            owner=None,
            expires_at=database_time_in(kept_seconds),
            response=response,
            response_bytes=0 if response is None else len(response),
        ),
    )
    return finished == 1


async def release_key(db_session: AsyncSession, *, key_hash: str, run_id: str) -> None:
    """The next request with the key runs. Does nothing if another run has it."""
    is_own = and_(IdempotencyKeyRow.key_hash == key_hash, IdempotencyKeyRow.run_id == run_id)
    await _execute(db_session, delete(IdempotencyKeyRow).where(is_own))


async def renew_leases(db_session: AsyncSession, owner: str, lease_seconds: float) -> None:
    """Of all keys that the process runs."""
    renewed = database_time_in(lease_seconds)
    await _execute(
        db_session,
        update(IdempotencyKeyRow).where(IdempotencyKeyRow.owner == owner).values(expires_at=renewed),
    )


async def delete_expired_keys(db_session: AsyncSession) -> int:
    """Deletes a bounded number, and returns it. On PostgreSQL, skips rows that are being claimed."""
    key_hash, expires_at = IdempotencyKeyRow.key_hash, IdempotencyKeyRow.expires_at
    expired = select(key_hash).where(expires_at <= database_now()).order_by(expires_at).limit(MAX_DELETED)
    which = key_hash.in_(expired.with_for_update(skip_locked=True))
    return await _execute(db_session, delete(IdempotencyKeyRow).where(which))


async def delete_oldest_responses(db_session: AsyncSession, max_bytes: int) -> int:
    """Keeps the newest that have at most `max_bytes` together; the keys stay. Returns how many it deletes."""
    newest_first = (IdempotencyKeyRow.expires_at.desc(), IdempotencyKeyRow.key_hash)
    sums = (
        select(
            IdempotencyKeyRow.key_hash,
            func.sum(IdempotencyKeyRow.response_bytes).over(order_by=newest_first).label("total"),
        )
        .where(IdempotencyKeyRow.response.is_not(None))
        .subquery()
    )
    which = IdempotencyKeyRow.key_hash.in_(select(sums.c.key_hash).where(sums.c.total > max_bytes))
    return await _execute(
        db_session, update(IdempotencyKeyRow).where(which).values(response=None, response_bytes=0)
    )


async def _execute(db_session: AsyncSession, statement: Any) -> int:  # Any: an UPDATE or a DELETE
    """Returns how many rows it concerned."""
    result = await db_session.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount
