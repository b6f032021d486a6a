"""What every process keeps in memory about users: who is disabled, and who has own limits."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Self

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.tables import AccountChangeCounterRow, UserRow
from app.user_limits import OwnLimits, own_limits

ROWS_AT_ONCE = 1_000  # converted to Python objects before other tasks run again


class UserState(NamedTuple):
    user_id: str
    is_disabled: bool
    own_limits: OwnLimits
    change_number: int

    @classmethod
    def of(cls, row: UserRow) -> Self:
        limits = own_limits(row.requests_per_minute, row.concurrent_requests, row.daily_tokens)
        return cls(row.id, row.is_disabled, limits, row.change_number)


async def newest_change_number(db_session: AsyncSession) -> int:
    """The number of the last committed change of a user or a revocation; 0 before the first."""
    return await db_session.scalar(select(AccountChangeCounterRow.value)) or 0


def special_users(db_session: AsyncSession) -> AsyncIterator[Sequence[UserState]]:
    """Disabled users and users with a limit of their own."""
    is_special = or_(
        UserRow.is_disabled,
        UserRow.requests_per_minute.is_not(None),
        UserRow.concurrent_requests.is_not(None),
        UserRow.daily_tokens.is_not(None),
    )
    return _user_states(db_session, is_special)


def users_changed_after(db_session: AsyncSession, change_number: int) -> AsyncIterator[Sequence[UserState]]:
    """Every user with a later change, also those that are not special any more."""
    return _user_states(db_session, UserRow.change_number > change_number)


async def _user_states(
    db_session: AsyncSession, which: ColumnElement[bool]
) -> AsyncIterator[Sequence[UserState]]:
    columns = (
        UserRow.id,
        UserRow.is_disabled,
        UserRow.requests_per_minute,
        UserRow.concurrent_requests,
        UserRow.daily_tokens,
        UserRow.change_number,
    )
    result = await db_session.stream(select(*columns).where(which))
    async for rows in result.partitions(ROWS_AT_ONCE):
        yield [
            UserState(user_id, is_disabled, own_limits(*limits), change_number)
            for user_id, is_disabled, *limits, change_number in rows
        ]
