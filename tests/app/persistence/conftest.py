"""Databases of both kinds, at this version's tables."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.persistence.database import Database
from app.persistence.migrations import upgrade_database
from app.persistence.tables import UserRow


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'private' / 'gateway.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await upgrade_database(database_url)
    database = Database(database_url)
    yield database
    await database.aclose()


@pytest.fixture
def make_user() -> Callable[..., UserRow]:
    def make(name: str = "alice", **columns: object) -> UserRow:
        return UserRow(id=f"usr_{name}", name=name, **columns)

    return make
