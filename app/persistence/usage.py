"""Usage of generations: written in groups, read as totals per user and UTC day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import orjson
from sqlalchemy import TextClause, case, func, or_, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.persistence.columns import UtcDateTime, utc_day
from app.persistence.tables import UsageRow

ONE_DAY = timedelta(days=1)

Row = dict[str, str | int | None]  # by column; `at` as `datetime_text` returns it


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """One user's day. `failed` counts the generations among `requests` that did not end well."""

    day: date
    user_id: str
    requests: int
    failed: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class UsagePeriod:
    """Whole UTC days, both ends included."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """The first datetime after it."""
        if self.last == date.max:
            return datetime.max.replace(tzinfo=UTC)
        return datetime.combine(self.last + ONE_DAY, time(), UTC)


def datetime_text(at: datetime) -> str:
    """`at` as a row for `add_usage` contains it."""
    return at.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")


async def add_usage(db_session: AsyncSession, rows: Sequence[Row]) -> None:
    """Store rows of `UsageRow`'s columns; rows that exist already stay as they are.

    All rows are one JSON parameter, which the database splits: binding each value takes several times as
    long, on the event loop.
    """
    connection = await db_session.connection()
    statement = _insert_from_json(connection.dialect.name)
    await connection.execute(statement, {"rows": orjson.dumps(rows).decode()})


@cache
def _insert_from_json(dialect_name: str) -> TextClause:
    columns = UsageRow.__table__.columns
    names = ", ".join(f'"{column.name}"' for column in columns)
    if dialect_name == "sqlite":
        values = ", ".join(
            # Without the offset, as UtcDateTime stores it.
            f"substr(json_extract(value, '$.{column.name}'), 1, {len('2026-03-14 09:26:53.589793')})"
            if isinstance(column.type, UtcDateTime)
            else f"json_extract(value, '$.{column.name}')"
            for column in columns
        )
        source = "json_each(:rows) WHERE true"  # ends the SELECT: ON would belong to a join
    else:
        values, dialect = names, postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
        types = ", ".join(f'"{column.name}" {column.type.compile(dialect)}' for column in columns)
        source = f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS rows ({types})"
    return text(  # made of our own column names
        f"INSERT INTO {UsageRow.__tablename__} ({names}) SELECT {values} FROM {source} ON CONFLICT DO NOTHING"  # noqa: S608
    )


async def tokens_used_on(db_session: AsyncSession, user_id: str, day: date) -> int:
    """Prompt and completion tokens of a user on a UTC day."""
    period = UsagePeriod(day, day)
    total = func.coalesce(func.sum(UsageRow.prompt_tokens + UsageRow.completion_tokens), 0)
    query = select(total).where(
        UsageRow.user_id == user_id, UsageRow.at >= period.start, UsageRow.at < period.end
    )
    return int((await db_session.scalars(query)).one())


async def usage_by_day(
    db_session: AsyncSession,
    period: UsagePeriod,
    *,
    limit: int,
    user_id: str | None = None,
    after: tuple[str, str] | None = None,
) -> list[DailyUsage]:
    """Newest day first, then by user id. `after` is (ISO day, user id) of the previous page's last row."""
    day = utc_day(UsageRow.at)
    query = (
        select(
            day,
            UsageRow.user_id,
            func.count(),
            func.sum(case((UsageRow.outcome == "ok", 0), else_=1)),
            func.sum(UsageRow.prompt_tokens),
            func.sum(UsageRow.completion_tokens),
        )
        .where(UsageRow.at >= period.start, UsageRow.at < period.end)
        .group_by(day, UsageRow.user_id)
        .order_by(day.desc(), UsageRow.user_id)
        .limit(limit)
    )
    if user_id is not None:
        query = query.where(UsageRow.user_id == user_id)
    if after is not None:
        after_day, after_user_id = after
        is_later = (day == after_day) & (UsageRow.user_id > after_user_id)
        query = query.where(or_(day < after_day, is_later))
    rows = await db_session.execute(query)
    return [
        DailyUsage(date.fromisoformat(day_text), user, requests, int(failed), int(prompt), int(completion))
        for day_text, user, requests, failed, prompt, completion in rows
    ]
