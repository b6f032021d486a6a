"""Fixtures for tests of the whole application."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from app.persistence.migrations import upgrade_database

from .gateway import Gateway, running_gateway

StartGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables of this version: copying it is faster than running the migrations."""
    path = tmp_path_factory.mktemp("database") / "gateway.db"
    with asyncio.Runner() as runner:
        runner.run(upgrade_database(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def start_gateway(tmp_path: Path, empty_database: Path) -> AsyncIterator[StartGateway]:
    """Starts gateways with the given settings; at the end each must be idle."""
    started: list[Gateway] = []
    async with AsyncExitStack() as stack:

        async def start(**overrides: Any) -> Gateway:
            directory = tmp_path / f"gateway-{len(started)}"
            directory.mkdir()
            shutil.copy(empty_database, directory / "gateway.db")
            gateway = await stack.enter_async_context(running_gateway(directory, **overrides))
            started.append(gateway)
            return gateway

        yield start
        for gateway in started:
            await gateway.until_idle()


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    """With generous limits and the scripted backend, whose reply says what reached it."""
    return await start_gateway(
        limits={"requests_per_minute": 10_000, "concurrent_requests": 100},
        scripted={"reply": "{prompt}"},
    )
