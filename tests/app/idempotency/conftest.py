"""A database of each kind, and services of several gateways that share it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.idempotency.keys import IdempotencyKeys
from app.persistence.database import Database
from app.persistence.migrations import upgrade_database
from app.settings import IdempotencySettings

MakeKeys = Callable[..., IdempotencyKeys]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    await upgrade_database(url)
    database = Database(url)
    yield database
    await database.aclose()


@pytest.fixture
async def make_keys() -> AsyncIterator[MakeKeys]:
    """Services that are not started: nothing runs by itself. Closed at the end."""
    made: list[IdempotencyKeys] = []

    def make(database: Database, *, lease_seconds: float = 60.0, **settings: object) -> IdempotencyKeys:
        made.append(
            IdempotencyKeys(
                database,
                IdempotencySettings.model_validate(settings),
                lease_seconds=lease_seconds,
                retry_seconds=0.01,
            )
        )
        return made[-1]

    yield make
    for keys in made:
        await keys.aclose()
