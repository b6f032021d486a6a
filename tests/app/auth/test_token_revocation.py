"""Revoked tokens are refused, others stay valid, and revocations are deleted when they are not needed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.auth.token_revocation import revoke_family, revoke_token, revoke_user
from app.errors import InvalidGrant, TokenRevoked
from app.persistence.database import Database
from app.persistence.revocations import KEPT_AFTER_EXPIRY
from app.persistence.tables import AccessTokenRow, RevocationRow, UserRow

from .conftest import FakeClock, Process

pytestmark = pytest.mark.anyio


async def test_revoked_token_is_refused_and_its_family_stays_valid(
    process: Process, user: UserRow, database: Database
) -> None:
    issued = await process.sign_in(user)
    async with database.session() as db_session:
        assert await revoke_token(db_session, issued.token_id)
    await process.account_changes.refresh_now()
    with pytest.raises(TokenRevoked):
        process.access_tokens.verify(issued.access_token)
    assert issued.refresh_token is not None
    refreshed = await process.refresh_tokens.refresh(issued.refresh_token)
    assert process.access_tokens.verify(refreshed.access_token).user_id == user.id


async def test_revoked_user_is_signed_out_everywhere_and_may_sign_in_again(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    issued = [await process.sign_in(user), await process.sign_in(user, with_refresh=False)]
    async with database.session() as db_session:
        db_session.add(other_user := UserRow(id="usr_2", name="bob"))
    others = await process.sign_in(other_user)
    async with database.session() as db_session:
        assert await revoke_user(db_session, user.id, clock=clock)
    await process.account_changes.refresh_now()
    for tokens in issued:
        with pytest.raises(TokenRevoked):
            process.access_tokens.verify(tokens.access_token)
    assert issued[0].refresh_token is not None
    with pytest.raises(InvalidGrant):
        await process.refresh_tokens.refresh(issued[0].refresh_token)
    assert process.access_tokens.verify(others.access_token).user_id == "usr_2"
    anew = await process.sign_in(user)
    assert process.access_tokens.verify(anew.access_token).user_id == user.id


async def test_token_of_a_host_whose_clock_is_ahead_is_revoked_with_its_user(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    clock.advance(20)
    issued = await process.sign_in(user)
    clock.advance(-20)
    async with database.session() as db_session:
        await revoke_user(db_session, user.id, clock=clock)
    await process.account_changes.refresh_now()
    with pytest.raises(TokenRevoked):
        process.access_tokens.verify(issued.access_token)


async def test_revocation_is_shown_with_the_tokens(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    issued = await process.sign_in(user)
    assert issued.family_id is not None
    async with database.session() as db_session:
        await revoke_family(db_session, issued.family_id, clock=clock)
    async with database.session(read_only=True) as db_session:
        row = await db_session.get_one(AccessTokenRow, issued.token_id)
    assert row.revoked_at is not None
    assert row.revoked_at.timestamp() == clock()


async def test_unknown_ids_cannot_be_revoked(process: Process, database: Database) -> None:
    async with database.session() as db_session:
        assert not await revoke_token(db_session, "tok_unknown")
        assert not await revoke_family(db_session, "fam_unknown")
        assert not await revoke_user(db_session, "usr_unknown")
        assert (await db_session.scalars(select(RevocationRow))).all() == []


async def test_revocation_outlives_its_tokens_and_is_deleted_with_a_later_one(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    old = await process.sign_in(user)
    assert old.family_id is not None
    async with database.session() as db_session:
        await revoke_family(db_session, old.family_id, clock=clock)
        (row,) = await db_session.scalars(select(RevocationRow))
        issued_row = await db_session.get_one(AccessTokenRow, old.token_id)
        assert row.expires_at >= issued_row.expires_at + timedelta(minutes=5)
    clock.advance((KEPT_AFTER_EXPIRY + timedelta(hours=1)).total_seconds())
    new = await process.sign_in(user)
    async with database.session() as db_session:
        await revoke_token(db_session, new.token_id, clock=clock)
        subjects = (await db_session.scalars(select(RevocationRow.subject))).all()
    assert subjects == [new.token_id]


@pytest.mark.parametrize("step", [-3600, -24 * 3600, 24 * 3600])
async def test_user_whose_tokens_were_revoked_signs_in_again_whatever_the_clock_did(
    process: Process, user: UserRow, clock: FakeClock, step: int
) -> None:
    before = await process.sign_in(user)
    clock.advance(step)
    meanwhile = await process.sign_in(user)
    async with process.account_changes.transaction() as db_session:
        await revoke_user(db_session, user.id, clock=clock)
    after = await process.sign_in(user)
    clock.advance(-step)
    later = await process.sign_in(user)
    assert process.access_tokens.verify(later.access_token).user_id == user.id
    clock.advance(step)
    assert process.access_tokens.verify(after.access_token).user_id == user.id
    for dead in (before, meanwhile):
        principal = process.access_tokens.identify(dead.access_token)
        assert process.account_changes.is_revoked(principal)


async def test_token_revoked_by_a_clock_that_is_ahead_is_shown_as_revoked(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    issued = await process.sign_in(user)
    clock.advance(24 * 3600)
    async with database.session() as db_session:
        await revoke_user(db_session, user.id, clock=clock)
    async with database.session(read_only=True) as db_session:
        row = await db_session.get_one(AccessTokenRow, issued.token_id)
    assert row.revoked_at is not None
