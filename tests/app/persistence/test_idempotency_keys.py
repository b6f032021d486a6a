"""Keys on both databases. A lease or a time that is negative has ended already: nothing waits."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from app.persistence.database import Database
from app.persistence.idempotency_keys import (
    MAX_DELETED,
    KeyState,
    claim_key,
    delete_expired_keys,
    delete_oldest_responses,
    find_key,
    finish_key,
    release_key,
    renew_leases,
)
from app.persistence.tables import IdempotencyKeyRow

pytestmark = pytest.mark.anyio

ENDED = -1.0
LONG = 3600.0


async def claim(database: Database, run_id: str, key_hash: str = "key", lease_seconds: float = LONG) -> bool:
    async with database.session() as db_session:
        return await claim_key(
            db_session,
            key_hash=key_hash,
            fingerprint=f"body of {run_id}",
            run_id=run_id,
            owner="gateway",
            lease_seconds=lease_seconds,
        )


async def find(database: Database, key_hash: str = "key") -> KeyState | None:
    async with database.session(read_only=True) as db_session:
        return await find_key(db_session, key_hash)


async def finish(database: Database, run_id: str, key_hash: str = "key", **values: Any) -> bool:
    values = {"response": b"sealed", "kept_seconds": LONG} | values
    async with database.session() as db_session:
        return await finish_key(db_session, key_hash=key_hash, run_id=run_id, **values)


async def test_of_concurrent_claims_one_succeeds(database: Database) -> None:
    claims = await asyncio.gather(*(claim(database, f"run{number}") for number in range(10)))
    assert sorted(claims) == [False] * 9 + [True]
    winner = f"run{claims.index(True)}"
    assert await find(database) == KeyState(f"body of {winner}", winner, True, None)


async def test_finished_key_is_kept_with_its_response(database: Database) -> None:
    await claim(database, "first")
    assert await finish(database, "first")
    assert await find(database) == KeyState("body of first", "first", False, b"sealed")
    assert not await claim(database, "second")


async def test_finished_key_is_free_when_its_time_is_over(database: Database) -> None:
    await claim(database, "first")
    await finish(database, "first", kept_seconds=ENDED)
    assert await find(database) is None
    assert await claim(database, "second")
    assert await find(database) == KeyState("body of second", "second", True, None)


async def test_key_of_a_killed_gateway_is_free_when_its_lease_ends(database: Database) -> None:
    await claim(database, "killed", lease_seconds=ENDED)
    assert await claim(database, "second")
    assert not await finish(database, "killed"), "the key is another run's"
    async with database.session() as db_session:
        await release_key(db_session, key_hash="key", run_id="killed")
    assert await find(database) == KeyState("body of second", "second", True, None)


async def test_renewed_lease_keeps_only_running_keys_of_that_process(database: Database) -> None:
    await claim(database, "running", "a", lease_seconds=ENDED)
    await claim(database, "finished", "b")
    await finish(database, "finished", "b", kept_seconds=ENDED)
    async with database.session() as db_session:
        await renew_leases(db_session, "another", LONG)
    assert await find(database, "a") is None
    async with database.session() as db_session:
        await renew_leases(db_session, "gateway", LONG)
    assert await find(database, "a") is not None
    assert await find(database, "b") is None


async def test_released_key_is_free(database: Database) -> None:
    await claim(database, "failed")
    async with database.session() as db_session:
        await release_key(db_session, key_hash="key", run_id="failed")
    assert await find(database) is None
    assert await claim(database, "second")


async def test_expired_keys_are_deleted_a_bounded_number_at_a_time(database: Database) -> None:
    await claim(database, "kept", "kept")
    async with database.session() as db_session:
        for number in range(MAX_DELETED + 3):
            values = {"fingerprint": "", "run_id": "old", "owner": "gateway", "lease_seconds": ENDED}
            await claim_key(db_session, key_hash=f"old{number}", **values)
    deleted = []
    for _ in range(2):
        async with database.session() as db_session:
            deleted.append(await delete_expired_keys(db_session))
    assert deleted == [MAX_DELETED, 3]
    assert await find(database, "kept") is not None


async def test_oldest_responses_are_deleted_beyond_the_bound_and_their_keys_stay(database: Database) -> None:
    for number, size in enumerate((4, 3, 2, 1)):
        await claim(database, f"run{number}", f"key{number}")
        kept_seconds = LONG + number
        await finish(
            database, f"run{number}", f"key{number}", response=b"x" * size, kept_seconds=kept_seconds
        )
    async with database.session() as db_session:
        assert await delete_oldest_responses(db_session, max_bytes=6) == 1
        total = await db_session.scalar(select(func.sum(IdempotencyKeyRow.response_bytes)))
    assert total == 6
    states = [await find(database, f"key{number}") for number in range(4)]
    assert [state and state.response for state in states] == [None, b"xxx", b"xx", b"x"]
    assert states[0] is not None
    assert not states[0].is_running
