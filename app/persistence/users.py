"""Accounts by id and by name."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.tables import UserRow


async def add_user(db_session: AsyncSession, row: UserRow) -> None:
    """Raises `sqlalchemy.exc.IntegrityError` when the name is taken."""
    db_session.add(row)
    await db_session.flush()


async def find_user(db_session: AsyncSession, user_id: str) -> UserRow | None:
    return await db_session.get(UserRow, user_id)


async def find_user_named(db_session: AsyncSession, name: str) -> UserRow | None:
    return await db_session.scalar(select(UserRow).where(UserRow.name == name))


async def list_users(
    db_session: AsyncSession, *, limit: int, after_name: str | None = None
) -> Sequence[UserRow]:
    """By name; `after_name` is the previous page's last one."""
    query = select(UserRow).order_by(UserRow.name).limit(limit)
    if after_name is not None:
        query = query.where(UserRow.name > after_name)
    return (await db_session.scalars(query)).all()


async def names_of(db_session: AsyncSession, user_ids: Collection[str]) -> dict[str, str]:
    """By id, without ids that do not exist."""
    query = select(UserRow.id, UserRow.name).where(UserRow.id.in_(user_ids))
    return {row.id: row.name for row in await db_session.execute(query)}
