"""Parses URLs of the database and of Redis with the libraries that will open them. Connects to nothing.

Errors have our own messages, since those of the libraries may quote the URL. Imported only if such a URL is
set: importing both libraries is slow.
"""

import inspect
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from redis.asyncio.connection import ConnectionPool
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_DATABASES: Final = frozenset({"postgres", "postgresql", "postgresql+asyncpg", "sqlite", "sqlite+aiosqlite"})
_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class ServerURL:
    """`context` is the rest of what the URL contains, as user and host."""

    needs_password: bool
    password: str = ""
    context: tuple[str, ...] = ()


def read_database_url(text: str) -> ServerURL:
    """Raises ValueError with a message that does not quote the URL."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    is_supported = url is not None and url.drivername in _DATABASES
    if url is None or not is_supported or (url.port or 1) > _MAX_PORT:
        raise ValueError("write postgresql://user:password@host/name or sqlite:///path")
    if url.get_backend_name() == "sqlite":
        return ServerURL(needs_password=False)
    if not (url.host or url.query.get("host")) or "[" in (url.host or ""):
        raise ValueError("write postgresql://user:password@host/name; the host is missing or malformed")
    if not url.query.keys() <= _postgresql_options():
        raise ValueError(
            "it has an option that asyncpg does not support; write `ssl=require` instead of `sslmode=require`"
        )
    context = (url.username, url.host, url.database)
    return ServerURL(True, str(url.password or ""), tuple(text for text in context if text))


def read_redis_url(text: str) -> ServerURL:
    """Raises ValueError with a message that does not quote the URL."""
    try:
        parts = urlsplit(text)
        pool = ConnectionPool.from_url(text)
        pool.make_connection()  # type: ignore[no-untyped-call]  # refuses unknown options; connects later
    except (ValueError, TypeError):
        raise ValueError("write redis://:password@host:6379/0") from None
    is_number = parts.scheme == "unix" or re.fullmatch("(/[0-9]*)?", parts.path)
    if parts.scheme not in _REDIS_SCHEMES or not is_number:
        raise ValueError("write redis://:password@host:6379/0")
    given = pool.connection_kwargs
    context = tuple(str(given[name]) for name in ("username", "host") if given.get(name))
    return ServerURL(parts.scheme != "unix", str(given.get("password") or ""), context)


def _postgresql_options() -> set[str]:
    """The options of asyncpg, and the one that SQLAlchemy reads itself."""
    return {*inspect.signature(asyncpg.connect).parameters, "prepared_statement_cache_size"}
