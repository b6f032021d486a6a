"""Databases of both kinds, at this version's tables, and writers of usage."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.persistence.database import Database
from app.persistence.migrations import upgrade_database
from app.persistence.tables import UserRow
from app.persistence.usage_writer import UsageWriter


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'private' / 'gateway.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def database(database_url: str, empty_database: Path) -> AsyncIterator[Database]:
    if database_url.startswith("sqlite"):
        path = Path(database_url.partition("///")[2])
        path.parent.mkdir()
        shutil.copy(empty_database, path)
    else:
        await upgrade_database(database_url)
    database = Database(database_url)
    yield database
    await database.aclose()


@pytest.fixture
async def unavailable() -> AsyncIterator[Database]:
    """A database without a server."""
    database = Database("postgresql+asyncpg://gateway:password@127.0.0.1:1/gateway")
    yield database
    await database.aclose()


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def spool_path(tmp_path: Path) -> Path:
    return tmp_path / "usage-spool.jsonl"


@pytest.fixture
async def make_writer(spool_path: Path, clock: FakeClock) -> AsyncIterator[Callable[..., UsageWriter]]:
    """Writers to be started one after another; closed at the end."""
    made: list[UsageWriter] = []

    def make(database: Database, **bounds: int) -> UsageWriter:
        made.append(UsageWriter(database, spool_path, clock=clock, **bounds))
        return made[-1]

    yield make
    for writer in made:
        await writer.aclose()


@pytest.fixture
def make_user() -> Callable[..., UserRow]:
    def make(name: str = "alice", **columns: object) -> UserRow:
        return UserRow(id=f"usr_{name}", name=name, **columns)

    return make
