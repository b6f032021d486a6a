"""Connections to a real PostgreSQL that lead nowhere any more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from app.errors import DatabaseUnavailable
from app.persistence.connection_check import LONGEST_SECONDS, SHORTEST_SECONDS
from app.persistence.database import COMMAND_SECONDS, Database
from testbed.fault_proxy import Direction, FaultProxy
from testbed.servers import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

SESSIONS = 3


@dataclass(slots=True)
class WatchedDirection(Direction):
    used: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        self.used.set()
        await Direction.wait(self)  # `super()` does not work in a dataclass with slots


@pytest.fixture
async def proxy(postgres_server: PostgresServer) -> AsyncIterator[FaultProxy]:
    proxy = FaultProxy(postgres_server.port)
    proxy.to_server = WatchedDirection()
    async with proxy.serving():
        yield proxy


@pytest.fixture
async def database(
    postgres_server: PostgresServer, postgres_url: str, proxy: FaultProxy
) -> AsyncIterator[Database]:
    """With some connections in its pool."""
    database = Database(postgres_url.replace(str(postgres_server.port), str(proxy.port)))
    await read_at_once(database)
    yield database
    await database.aclose()


async def read(database: Database) -> int | None:
    async with database.session(read_only=True) as db_session:
        return await db_session.scalar(select(7))


async def read_at_once(database: Database) -> None:
    assert await asyncio.gather(*(read(database) for _ in range(SESSIONS))) == [7] * SESSIONS


async def test_a_dead_connection_is_replaced_before_it_is_used(database: Database, proxy: FaultProxy) -> None:
    """As after a firewall that forgot it: neither end hears of it, and new connections work."""
    assert isinstance(proxy.to_server, WatchedDirection)
    proxy.to_server.used.clear()
    proxy.to_server.loses = True
    reading = asyncio.create_task(read(database))
    await proxy.to_server.used.wait()
    proxy.to_server.loses = False
    assert await reading == 7
    await read_at_once(database)


async def test_a_slow_database_is_waited_for(database: Database, proxy: FaultProxy) -> None:
    proxy.to_client.delay_seconds = 1.1 * SHORTEST_SECONDS
    await read_at_once(database)
    accepted = proxy.accepted
    assert await read(database) == 7
    assert proxy.accepted == accepted, "the connection was kept"


async def test_silence_is_an_unavailable_database_until_it_ends(
    database: Database, proxy: FaultProxy
) -> None:
    proxy.freeze()
    async with asyncio.timeout(COMMAND_SECONDS + 2 * LONGEST_SECONDS):
        with pytest.raises(DatabaseUnavailable):
            await read(database)
    proxy.thaw()
    await read_at_once(database)
