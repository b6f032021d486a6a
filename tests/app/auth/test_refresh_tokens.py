"""Rotation, the grace period for a lost response, and what happens to a stolen token."""

import asyncio
import logging

import pytest
from sqlalchemy import select

from app.auth.token_issuer import IssuedTokens
from app.auth.token_revocation import revoke_family, revoke_user
from app.errors import InvalidGrant, TokenRevoked
from app.persistence.database import Database
from app.persistence.tables import RefreshTokenRow, UserRow

from .conftest import FakeClock, Process

pytestmark = pytest.mark.anyio


async def refresh(process: Process, issued: IssuedTokens) -> IssuedTokens:
    assert issued.refresh_token is not None
    return await process.refresh_tokens.refresh(issued.refresh_token)


async def refresh_tokens_stored(database: Database) -> list[RefreshTokenRow]:
    async with database.session(read_only=True) as db_session:
        return list((await db_session.scalars(select(RefreshTokenRow))).all())


async def test_refresh_gives_a_new_pair_of_the_same_sign_in(process: Process, user: UserRow) -> None:
    first = await process.sign_in(user)
    second = await refresh(process, first)
    assert second.refresh_token != first.refresh_token
    assert second.family_id == first.family_id
    principal = process.access_tokens.verify(second.access_token)
    assert (principal.user_id, principal.family_id) == (user.id, first.family_id)
    assert principal.scopes == second.scopes == {"chat"}
    assert second.expires_in == 900


async def test_refreshing_works_many_times(process: Process, user: UserRow, clock: FakeClock) -> None:
    issued = await process.sign_in(user)
    for _ in range(20):
        clock.advance(600)
        issued = await refresh(process, issued)
    assert process.access_tokens.verify(issued.access_token).user_id == user.id


async def test_priority_of_a_sign_in_survives_refreshes(process: Process, user: UserRow) -> None:
    issued = await process.sign_in(user, priority="batch")
    for _ in range(3):
        assert process.access_tokens.verify(issued.access_token).priority == "batch"
        issued = await refresh(process, issued)


async def test_retry_within_the_grace_gets_the_same_successor(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    first = await process.sign_in(user)
    lost = await refresh(process, first)
    clock.advance(30)
    retried = await refresh(process, first)
    assert retried.refresh_token == lost.refresh_token
    assert retried.access_token != lost.access_token
    assert process.access_tokens.verify(retried.access_token).user_id == user.id
    assert len(await refresh_tokens_stored(database)) == 2
    clock.advance(3600)
    assert (await refresh(process, retried)).family_id == first.family_id


async def test_used_token_that_is_presented_late_ends_the_sign_in(
    process: Process, user: UserRow, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    first = await process.sign_in(user)
    second = await refresh(process, first)
    other_sign_in = await process.sign_in(user)
    clock.advance(30.001)
    with caplog.at_level(logging.WARNING), pytest.raises(InvalidGrant):
        await refresh(process, first)
    assert first.refresh_token is not None
    assert str(first.family_id) in caplog.text
    assert first.refresh_token not in caplog.text
    for issued in (first, second):
        with pytest.raises(TokenRevoked):
            process.access_tokens.verify(issued.access_token)
        with pytest.raises(InvalidGrant):
            await refresh(process, issued)
    assert process.access_tokens.verify(other_sign_in.access_token).user_id == user.id
    assert (await refresh(process, other_sign_in)).family_id == other_sign_in.family_id


async def test_used_token_whose_successor_was_used_too_ends_the_sign_in_within_the_grace(
    process: Process, user: UserRow
) -> None:
    first = await process.sign_in(user)
    second = await refresh(process, first)
    third = await refresh(process, second)
    with pytest.raises(InvalidGrant):
        await refresh(process, first)
    with pytest.raises(TokenRevoked):
        process.access_tokens.verify(third.access_token)
    with pytest.raises(InvalidGrant):
        await refresh(process, third)


async def test_retry_concurrent_with_use_of_its_successor_leaves_at_most_one_chain(
    process: Process, user: UserRow, database: Database
) -> None:
    for _ in range(5):
        first = await process.sign_in(user)
        second = await refresh(process, first)
        retried, third = await asyncio.gather(
            refresh(process, first), refresh(process, second), return_exceptions=True
        )
        assert isinstance(third, IssuedTokens | InvalidGrant)
        assert isinstance(retried, IssuedTokens | InvalidGrant)
        if isinstance(retried, IssuedTokens):  # it came first
            assert retried.refresh_token == second.refresh_token
            assert isinstance(third, IssuedTokens)
        else:
            rows = await refresh_tokens_stored(database)
            assert all(row.revoked_at for row in rows if row.family_id == first.family_id)


async def test_two_parallel_refreshes_get_the_same_successor(
    process: Process, user: UserRow, database: Database
) -> None:
    first = await process.sign_in(user)
    responses = await asyncio.gather(*(refresh(process, first) for _ in range(8)))
    assert len({response.refresh_token for response in responses}) == 1
    assert len({response.token_id for response in responses}) == 8
    assert len(await refresh_tokens_stored(database)) == 2


async def test_refresh_concurrent_with_a_revocation_leaves_no_valid_token(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    async def revoke(family_id: str) -> None:
        async with database.session() as db_session:
            await revoke_family(db_session, family_id, clock=clock)

    for _ in range(5):
        first = await process.sign_in(user)
        assert first.family_id is not None
        outcomes = await asyncio.gather(
            refresh(process, first), revoke(first.family_id), refresh(process, first), return_exceptions=True
        )
        await process.account_changes.refresh_now()
        for outcome in outcomes:
            assert outcome is None or isinstance(outcome, IssuedTokens | InvalidGrant)
            if isinstance(outcome, IssuedTokens):
                with pytest.raises(TokenRevoked):
                    process.access_tokens.verify(outcome.access_token)
                with pytest.raises(InvalidGrant):
                    await refresh(process, outcome)
    assert all(row.revoked_at for row in await refresh_tokens_stored(database))


async def test_refresh_concurrent_with_a_revocation_of_the_user_leaves_no_valid_token(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    async def revoke() -> None:
        async with database.session() as db_session:
            await revoke_user(db_session, user.id, clock=clock)

    for _ in range(5):
        first = await process.sign_in(user)
        outcomes = await asyncio.gather(
            refresh(process, first), revoke(), refresh(process, first), return_exceptions=True
        )
        await process.account_changes.refresh_now()
        for outcome in outcomes:
            if isinstance(outcome, IssuedTokens):
                with pytest.raises(TokenRevoked):
                    process.access_tokens.verify(outcome.access_token)
    assert all(row.revoked_at for row in await refresh_tokens_stored(database))


async def test_disabled_user_cannot_refresh(process: Process, user: UserRow, database: Database) -> None:
    first = await process.sign_in(user)
    async with database.session() as db_session:
        (await db_session.get_one(UserRow, user.id)).is_disabled = True
    with pytest.raises(InvalidGrant):
        await refresh(process, first)
    (row,) = await refresh_tokens_stored(database)
    assert row.used_at is None


async def test_expired_refresh_token_is_refused(process: Process, user: UserRow, clock: FakeClock) -> None:
    first = await process.sign_in(user)
    clock.advance(30 * 24 * 3600)
    with pytest.raises(InvalidGrant):
        await refresh(process, first)


async def test_revoking_a_refresh_token_ends_only_its_sign_in(process: Process, user: UserRow) -> None:
    first, other = await process.sign_in(user), await process.sign_in(user)
    second = await refresh(process, first)
    assert first.refresh_token is not None
    assert await process.refresh_tokens.revoke(first.refresh_token)
    with pytest.raises(InvalidGrant):
        await refresh(process, second)
    with pytest.raises(TokenRevoked):
        process.access_tokens.verify(second.access_token)
    assert process.access_tokens.verify(other.access_token).user_id == user.id


async def test_unknown_refresh_token_is_refused(process: Process) -> None:
    unknown = ("rt_" + "A" * 43, "rt_", "", "A" * 46, "\x00", "rt_' OR 1=1 --", "A" * 100_000)
    malformed = ("rt_" + "A" * 42, "rt_" + "A" * 44, "rt_" + "A" * 42 + "\n", "rt_" + "\ud800" * 43)
    for refresh_token in unknown + malformed:
        with pytest.raises(InvalidGrant):
            await process.refresh_tokens.refresh(refresh_token)
        assert not await process.refresh_tokens.revoke(refresh_token)


@pytest.mark.parametrize("step", [-3600, 24 * 3600])
async def test_sign_in_survives_a_jump_of_the_clock(
    process: Process, user: UserRow, clock: FakeClock, step: int
) -> None:
    issued = await refresh(process, await process.sign_in(user))
    for jump in (step, -step):
        clock.advance(jump)
        issued = await refresh(process, issued)
        assert process.access_tokens.verify(issued.access_token).user_id == user.id


async def test_refresh_token_that_expired_by_a_clock_that_was_ahead_is_valid_again(
    process: Process, user: UserRow, clock: FakeClock
) -> None:
    issued, other = await process.sign_in(user), await process.sign_in(user)
    clock.advance(29.5 * 24 * 3600)
    clock.advance(24 * 3600)
    with pytest.raises(InvalidGrant):
        await refresh(process, issued)
    await process.sign_in(user)  # which deletes what expired long ago
    clock.advance(-24 * 3600)
    assert (await refresh(process, issued)).family_id == issued.family_id
    assert (await refresh(process, other)).family_id == other.family_id


async def test_used_token_does_not_count_as_a_retry_once_the_clock_was_set_back(
    process: Process, user: UserRow, clock: FakeClock
) -> None:
    """Otherwise a thief would have an hour instead of half a minute."""
    first = await process.sign_in(user)
    second = await refresh(process, first)
    clock.advance(-30)
    assert (await refresh(process, first)).refresh_token == second.refresh_token
    clock.advance(-3600 + 30)
    with pytest.raises(InvalidGrant):
        await refresh(process, first)
    with pytest.raises(InvalidGrant):
        await refresh(process, second)
