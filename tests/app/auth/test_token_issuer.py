"""Issuing checks the request and records what was issued, but never the tokens themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.auth.token_issuer import NewTokens
from app.auth.token_revocation import revoke_user
from app.persistence.database import Database
from app.persistence.tables import AccessTokenRow, Base, UserRow

from .conftest import FakeClock, Process

pytestmark = pytest.mark.anyio


async def everything_stored(database: Database) -> str:
    async with database.session(read_only=True) as db_session:
        rows = [
            row for table in Base.metadata.sorted_tables for row in await db_session.execute(select(table))
        ]
    return repr(rows)


async def test_issued_token_is_recorded(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    async with database.session() as db_session:
        issued = await process.issuer.issue(
            db_session, user, NewTokens(["vision", "chat"], timedelta(hours=1), note="for the demo")
        )
    async with database.session(read_only=True) as db_session:
        row = await db_session.get_one(AccessTokenRow, issued.token_id)
    now = datetime.fromtimestamp(clock(), UTC)
    assert (row.user_id, row.scopes, row.note) == ("usr_1", "chat vision", "for the demo")
    assert (row.issued_at, row.expires_at) == (now, now + timedelta(hours=1))
    assert (row.family_id, row.revoked_at) == (None, None)
    assert issued.expires_in == 3600
    assert process.access_tokens.verify(issued.access_token).scopes == {"chat", "vision"}


async def test_token_without_refresh_begins_no_family(process: Process, user: UserRow) -> None:
    issued = await process.sign_in(user, with_refresh=False)
    assert (issued.refresh_token, issued.family_id) == (None, None)


async def test_refresh_token_has_256_random_bits(process: Process, user: UserRow) -> None:
    issued = await process.sign_in(user)
    assert issued.refresh_token is not None
    assert issued.refresh_token.startswith("rt_")
    assert len(issued.refresh_token) == len("rt_") + 43
    assert issued.refresh_token != (await process.sign_in(user)).refresh_token


async def test_no_token_is_stored(process: Process, user: UserRow, database: Database) -> None:
    issued = await process.sign_in(user)
    assert issued.refresh_token is not None
    refreshed = await process.refresh_tokens.refresh(issued.refresh_token)
    assert refreshed.refresh_token is not None
    stored = await everything_stored(database)
    assert issued.token_id in stored
    for secret in (issued.refresh_token, refreshed.refresh_token):
        assert secret[3:] not in stored
    for encoded in (issued.access_token, refreshed.access_token):
        assert encoded.rpartition(".")[2] not in stored


async def test_repr_does_not_show_tokens(process: Process, user: UserRow) -> None:
    issued = await process.sign_in(user)
    assert issued.refresh_token is not None
    assert issued.access_token not in repr(issued)
    assert issued.refresh_token not in repr(issued)


async def test_unknown_or_missing_scope_is_refused(
    process: Process, user: UserRow, database: Database
) -> None:
    async with database.session() as db_session:
        for scopes in ([], ["root"], ["chat", "root"], [""]):
            with pytest.raises(ValueError, match="admin, chat, ops, speech, vision"):
                await process.issuer.issue(db_session, user, NewTokens(scopes))
        assert (await db_session.scalars(select(AccessTokenRow))).all() == []


async def test_lifetime_out_of_bounds_is_refused(process: Process, user: UserRow, database: Database) -> None:
    async with database.session() as db_session:
        for seconds in (0, -1, 0.5, 90 * 24 * 3600 + 1):
            with pytest.raises(ValueError, match="lifetime"):
                await process.issuer.issue(db_session, user, NewTokens(["chat"], timedelta(seconds=seconds)))


async def test_token_issued_in_the_second_of_a_revocation_is_valid(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    for _ in range(3):
        async with database.session() as db_session:
            await revoke_user(db_session, user.id, clock=clock)
        issued = await process.sign_in(user)
        await process.account_changes.refresh_now()
        assert process.access_tokens.verify(issued.access_token).user_id == user.id
