"""Insertions that may say what happens on a conflict, which SQLAlchemy makes for each kind of database."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase


async def insert_into(db_session: AsyncSession, table: type[DeclarativeBase]) -> Any:
    """Any: SQLite's and PostgreSQL's have the same methods, and no common type."""
    dialect_name = (await db_session.connection()).dialect.name
    return (sqlite.insert if dialect_name == "sqlite" else postgresql.insert)(table)
