"""Column types and SQL expressions that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A datetime with a time zone, which is returned in UTC. Raises ValueError for a naive one.

    SQLite has no time zones: there the time in UTC is stored, which also sorts correctly.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class database_now(FunctionElement[datetime]):  # noqa: N801 - reads like the SQL function it is
    """The time of the database's clock when the statement runs, to at least a millisecond.

    What several processes compare (revocations, changed accounts) has the time of one clock.
    """

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _postgresql_now(element: database_now, compiler: SQLCompiler, **kw: object) -> str:
    return "clock_timestamp()"  # now() is the start of the transaction


@compiles(database_now, "sqlite")
def _sqlite_now(element: database_now, compiler: SQLCompiler, **kw: object) -> str:
    # %f is SS.SSS; padded to microseconds it sorts with what UtcDateTime stores.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class database_time_in(FunctionElement[datetime]):  # noqa: N801 - likewise
    """`database_now()` plus a number of seconds."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_time_in, "postgresql")
def _postgresql_time_in(element: database_time_in, compiler: SQLCompiler, **kw: object) -> str:
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kw)}))"


@compiles(database_time_in, "sqlite")
def _sqlite_time_in(element: database_time_in, compiler: SQLCompiler, **kw: object) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"


class utc_day(FunctionElement[str]):  # noqa: N801 - likewise
    """The calendar day of a datetime in UTC, as `YYYY-MM-DD`."""

    type = String(10)
    inherit_cache = True


@compiles(utc_day, "postgresql")
def _postgresql_day(element: utc_day, compiler: SQLCompiler, **kw: object) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


@compiles(utc_day, "sqlite")
def _sqlite_day(element: utc_day, compiler: SQLCompiler, **kw: object) -> str:
    return f"substr({compiler.process(element.clauses, **kw)}, 1, 10)"
