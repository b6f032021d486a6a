"""Gateways of one database that sign with different keys say so, and those with the same keys are silent."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from app.auth.keys_of_gateways import KeysOfGateways
from app.auth.signing_keys import SigningKeys
from app.persistence.columns import database_time_in
from app.persistence.database import Database
from app.persistence.signing_keys import IN_USE_SECONDS, signing_keys_in_use
from app.persistence.tables import SigningKeyRow

from ..fake_sleep import FakeSleep
from .conftest import FakeClock

pytestmark = pytest.mark.anyio

LoadKeys = Callable[..., SigningKeys]
Start = Callable[[SigningKeys, Path], Awaitable[FakeSleep]]


@pytest.fixture
async def start(database: Database) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(keys: SigningKeys, directory: Path) -> FakeSleep:
            pause = FakeSleep()
            gateway = KeysOfGateways(database, keys, directory, pause.sleep)
            await gateway.start()
            stack.push_async_callback(gateway.aclose)
            return pause

        yield started


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


async def test_gateways_with_different_keys_say_so_and_what_to_do(
    start: Start, load_keys: LoadKeys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = load_keys(tmp_path / "one"), load_keys(tmp_path / "other")
    pause = await start(one, tmp_path / "one")
    assert complaints(caplog) == []
    await start(other, tmp_path / "other")
    (late,) = complaints(caplog)
    assert one.signer().key_id in late
    assert f"not in {tmp_path / 'other'}" in late
    assert "GATEWAY_AUTH__KEYS_DIR" in late
    await pause.pass_round()
    await pause.pass_round()
    assert len(complaints(caplog)) == 2, "the first one notices, and says it once"
    assert other.signer().key_id in complaints(caplog)[1]


async def test_gateways_that_share_their_keys_are_silent_also_after_a_rotation(
    start: Start, load_keys: LoadKeys, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "keys"
    gateways = [load_keys(directory, signing_delay=timedelta(minutes=5)) for _ in "12"]
    pauses = [await start(keys, directory) for keys in gateways]
    gateways[0].rotate()
    clock.advance(600)
    gateways[1].refresh()
    for pause in pauses:
        await pause.pass_round()
    assert complaints(caplog) == []


async def test_keys_of_gateways_that_no_longer_run_are_forgotten(
    start: Start, load_keys: LoadKeys, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await start(load_keys(tmp_path / "one"), tmp_path / "one")
    async with database.session() as db_session:
        await db_session.execute(update(SigningKeyRow).values(seen_at=database_time_in(-IN_USE_SECONDS - 1)))
    other = load_keys(tmp_path / "other")
    await start(other, tmp_path / "other")
    assert complaints(caplog) == []
    async with database.session(read_only=True) as db_session:
        assert await signing_keys_in_use(db_session) == [other.signer().key_id]
