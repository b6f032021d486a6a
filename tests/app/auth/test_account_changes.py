"""Every process applies the changes of another at its next poll, and keeps them while the database is
unavailable.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.account_changes import RELOAD_SECONDS, AccountChanges
from app.auth.principal import Principal
from app.auth.signing_keys import SigningKeys
from app.auth.token_issuer import IssuedTokens
from app.auth.token_revocation import revoke_family, revoke_token, revoke_user
from app.clock_steps import STEP_AHEAD
from app.errors import DatabaseUnavailable
from app.persistence.database import Database
from app.persistence.tables import Base, RevocationRow, UserRow
from testbed.servers import PostgresServer

from ..fake_sleep import FakeSleep
from .conftest import FakeClock, Process

pytestmark = pytest.mark.anyio

MakeProcess = Callable[..., Awaitable[Process]]
SECONDS = 10.0
ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)


async def change_user(database: Database, **values: Any) -> None:
    async with database.session() as db_session:
        await db_session.execute(update(UserRow).values(**values))


CHANGES: dict[str, Callable[[AsyncSession, IssuedTokens, FakeClock], Awaitable[object]]] = {
    "token": lambda db_session, issued, clock: revoke_token(db_session, issued.token_id, clock=clock),
    "family": lambda db_session, issued, clock: revoke_family(db_session, str(issued.family_id), clock=clock),
    "user": lambda db_session, issued, clock: revoke_user(db_session, "usr_1", clock=clock),
    "disabled": lambda db_session, issued, clock: db_session.execute(
        update(UserRow).values(is_disabled=True)
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
async def test_other_process_refuses_after_its_next_poll(
    make_process: MakeProcess,
    process: Process,
    user: UserRow,
    database: Database,
    clock: FakeClock,
    kind: str,
) -> None:
    pause = FakeSleep()
    other = await make_process(sleep=pause.sleep)
    issued = await process.sign_in(user)
    principal = other.access_tokens.verify(issued.access_token)
    await pause.pass_round()
    assert not other.account_changes.is_revoked(principal)
    async with database.session() as db_session:
        await CHANGES[kind](db_session, issued, clock)
    assert not other.account_changes.is_revoked(principal)
    await pause.pass_round()
    assert other.account_changes.is_revoked(principal)
    assert (await make_process()).account_changes.is_revoked(principal)


async def test_revocation_reaches_another_process_within_a_second(
    make_process: MakeProcess, process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    other = await make_process(poll_seconds=0.5)
    issued = await process.sign_in(user)
    principal = other.access_tokens.verify(issued.access_token)
    async with database.session() as db_session:
        await revoke_token(db_session, issued.token_id, clock=clock)
    async with asyncio.timeout(1):
        while not other.account_changes.is_revoked(principal):  # noqa: ASYNC110  # there is no event
            await asyncio.sleep(0)


async def test_process_that_makes_a_change_applies_it_at_once(
    process: Process, user: UserRow, database: Database
) -> None:
    issued = await process.sign_in(user)
    principal = process.access_tokens.verify(issued.access_token)
    async with database.session() as db_session:
        await revoke_token(db_session, issued.token_id)
    await process.account_changes.refresh_now()
    assert process.account_changes.is_revoked(principal)


@pytest.mark.parametrize("step", [-ONE_HOUR, ONE_DAY, -ONE_DAY], ids=["-1 h", "+1 day", "-1 day"])
@pytest.mark.parametrize("kind", CHANGES)
async def test_change_is_seen_whatever_the_clock_of_the_database_says(
    process: Process, user: UserRow, database: Database, clock: FakeClock, kind: str, step: timedelta
) -> None:
    issued, other = await process.sign_in(user), await process.sign_in(user)
    principal = process.access_tokens.verify(issued.access_token)
    async with database.session() as db_session:  # the newest change so far, by the unchanged clock
        await revoke_token(db_session, other.token_id, clock=clock)
    await process.account_changes.refresh_now()
    async with database.session() as db_session:
        await CHANGES[kind](db_session, issued, clock)
        stamp = datetime.now(UTC) + step
        await db_session.execute(
            update(RevocationRow).where(RevocationRow.subject != other.token_id).values(created_at=stamp)
        )
        await db_session.execute(update(UserRow).values(changed_at=stamp))
    await process.account_changes.refresh_now()
    assert process.account_changes.is_revoked(principal)


async def test_later_number_waits_for_the_commit_of_an_earlier_one(
    process: Process, user: UserRow, database: Database
) -> None:
    """Otherwise a reader that has seen the later one would never read the earlier one."""
    early, late = await process.sign_in(user), await process.sign_in(user)
    principal = process.access_tokens.verify(early.access_token)
    has_drawn, may_commit = asyncio.Event(), asyncio.Event()

    async def revoke_slowly() -> None:
        async with database.session() as db_session:
            await revoke_token(db_session, early.token_id)
            has_drawn.set()
            await may_commit.wait()

    async def revoke_and_notice() -> None:
        async with database.session() as db_session:
            await revoke_token(db_session, late.token_id)
        await process.account_changes.refresh_now()
        assert process.account_changes.is_revoked(principal)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(revoke_slowly())
        await has_drawn.wait()
        await process.account_changes.refresh_now()
        assert not process.account_changes.is_revoked(principal)
        second = tasks.create_task(revoke_and_notice())
        await asyncio.wait([second], timeout=0.2)
        assert not second.done()
        may_commit.set()


async def test_own_change_applies_without_reading_the_database_again(
    process: Process, user: UserRow, database: Database
) -> None:
    changes = process.account_changes
    issued, other = await process.sign_in(user), await process.sign_in(user)
    principal, others = map(process.access_tokens.verify, (issued.access_token, other.access_token))
    async with changes.transaction() as db_session:
        await revoke_token(db_session, issued.token_id)
        assert not changes.is_revoked(principal)
    assert changes.is_revoked(principal)
    assert not changes.is_revoked(others)
    async with changes.transaction() as db_session:
        row = await db_session.get_one(UserRow, user.id)
        row.is_disabled, row.daily_tokens = True, 5
    assert changes.is_revoked(others)
    assert changes.own_limits_of(user.id) == {"daily_tokens": 5}
    await changes.refresh_now()
    assert changes.is_revoked(others)
    await change_user(database, is_disabled=False)
    await changes.refresh_now()
    assert not changes.is_revoked(others)


async def test_change_that_is_rolled_back_does_not_apply(process: Process, user: UserRow) -> None:
    issued = await process.sign_in(user)
    principal = process.access_tokens.verify(issued.access_token)

    async def revoke_and_fail() -> None:
        async with process.account_changes.transaction() as db_session:
            await revoke_token(db_session, issued.token_id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await revoke_and_fail()
    assert not process.account_changes.is_revoked(principal)


async def test_change_made_by_hand_is_seen_after_a_few_minutes(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    issued = await process.sign_in(user)
    principal = process.access_tokens.verify(issued.access_token)
    await process.account_changes.refresh_now()
    async with database.session() as db_session:
        await db_session.execute(text("UPDATE users SET is_disabled = true"))
    clock.advance(RELOAD_SECONDS - 1)
    await process.account_changes.refresh_now()
    assert not process.account_changes.is_revoked(principal)
    clock.advance(1)
    await process.account_changes.refresh_now()
    assert process.account_changes.is_revoked(principal)


async def test_older_copy_of_the_database_is_read_in_full(
    process: Process, user: UserRow, database: Database
) -> None:
    issued = await process.sign_in(user)
    principal = process.access_tokens.verify(issued.access_token)
    await change_user(database, is_disabled=True)
    await process.account_changes.refresh_now()
    assert process.account_changes.is_revoked(principal)
    async with database.session() as db_session:
        await db_session.execute(text("UPDATE account_change_counter SET value = 0"))
        await db_session.execute(text("UPDATE users SET is_disabled = false, change_number = 0"))
    await process.account_changes.refresh_now()
    assert not process.account_changes.is_revoked(principal)


@pytest.mark.parametrize("step", [timedelta(hours=1), ONE_DAY, 20 * ONE_DAY])
async def test_revocation_holds_when_a_clock_that_was_ahead_is_set_back(
    make_process: MakeProcess, process: Process, user: UserRow, clock: FakeClock, step: timedelta
) -> None:
    """Also if others were revoked meanwhile, which deletes what expired long ago."""
    start = clock()
    other = await make_process(monotonic=lambda: start)
    issued, another = await process.sign_in(user), await process.sign_in(user)
    principal = process.access_tokens.verify(issued.access_token)
    async with process.account_changes.transaction() as db_session:
        await revoke_token(db_session, issued.token_id, clock=clock)
    clock.advance(step.total_seconds())
    async with process.account_changes.transaction() as db_session:
        await revoke_token(db_session, another.token_id, clock=clock)
    started_meanwhile = await make_process(monotonic=lambda: start)
    await other.account_changes.refresh_now()
    clock.advance(-step.total_seconds())
    for one in (process, other, started_meanwhile, await make_process()):
        await one.account_changes.refresh_now()
        assert one.account_changes.is_revoked(principal)


async def test_subscriber_is_called_for_changes_only(
    process: Process, user: UserRow, database: Database
) -> None:
    told: list[None] = []
    process.account_changes.subscribe(lambda: told.append(None))
    issued = await process.sign_in(user)
    await process.account_changes.refresh_now()
    told.clear()
    await process.account_changes.refresh_now()
    assert not told
    await change_user(database, is_disabled=True)
    await process.account_changes.refresh_now()
    assert len(told) == 1
    async with process.account_changes.transaction() as db_session:
        await revoke_token(db_session, issued.token_id)
    assert len(told) == 2


async def test_limits_of_a_user_are_those_that_the_operator_set(
    make_process: MakeProcess, process: Process, user: UserRow, database: Database
) -> None:
    changes = process.account_changes
    await changes.refresh_now()
    assert changes.own_limits_of(user.id) == {}
    await change_user(database, requests_per_minute=100, daily_tokens=5)
    await changes.refresh_now()
    own_limits = {"requests_per_minute": 100, "daily_tokens": 5}
    assert changes.own_limits_of(user.id) == own_limits
    assert (await make_process()).account_changes.own_limits_of(user.id) == own_limits
    await change_user(database, requests_per_minute=None, daily_tokens=None)
    await changes.refresh_now()
    assert changes.own_limits_of(user.id) == {}


async def test_tokens_of_an_enabled_user_are_valid_again(
    process: Process, user: UserRow, database: Database
) -> None:
    issued = await process.sign_in(user)
    principal = process.access_tokens.verify(issued.access_token)
    for is_disabled in (True, False):
        await change_user(database, is_disabled=is_disabled)
        await process.account_changes.refresh_now()
        assert process.account_changes.is_revoked(principal) is is_disabled


async def test_user_changed_before_the_start_is_not_read_again(
    make_process: MakeProcess, user: UserRow, database: Database
) -> None:
    await change_user(database, is_disabled=True)
    process = await make_process()
    await change_user(database, is_disabled=False)
    await process.account_changes.refresh_now()
    principal = Principal("usr_1", frozenset({"chat"}), "tok_1", 1, 2)
    assert not process.account_changes.is_revoked(principal)


async def test_revocation_is_dropped_when_its_tokens_have_expired(
    process: Process, user: UserRow, database: Database, clock: FakeClock
) -> None:
    issued = await process.sign_in(user)
    assert issued.family_id is not None
    principal = process.access_tokens.verify(issued.access_token)
    async with database.session() as db_session:
        await revoke_token(db_session, issued.token_id, clock=clock)
        await revoke_family(db_session, issued.family_id, clock=clock)
        await revoke_user(db_session, user.id, clock=clock)
    await process.account_changes.refresh_now()
    clock.advance(STEP_AHEAD.total_seconds() + 900)
    await process.account_changes.refresh_now()
    assert process.account_changes.is_revoked(principal)
    async with database.session() as db_session:
        await db_session.execute(delete(RevocationRow))
    clock.advance(RELOAD_SECONDS + 600)
    await process.account_changes.refresh_now()
    assert not process.account_changes.is_revoked(principal)


async def test_poll_finds_a_new_signing_key(
    make_process: MakeProcess, keys: SigningKeys, load_keys: Callable[..., SigningKeys]
) -> None:
    pause = FakeSleep()
    await make_process(sleep=pause.sleep)
    new = load_keys().rotate()
    async with asyncio.timeout(SECONDS):
        while keys.find(new) is None:  # the directory is read in parallel
            await pause.pass_round()


async def test_hung_key_directory_does_not_stop_revocations(
    make_process: MakeProcess,
    process: Process,
    user: UserRow,
    database: Database,
    key_directory: Path,
) -> None:
    pause = FakeSleep()
    other = await make_process(sleep=pause.sleep)
    issued = await process.sign_in(user)
    principal = other.access_tokens.verify(issued.access_token)
    hung = key_directory / "hung.json"
    os.mkfifo(hung, 0o600)  # opening it waits for a writer
    try:
        async with asyncio.timeout(SECONDS):
            await pause.pass_round()
            async with database.session() as db_session:
                await revoke_token(db_session, issued.token_id)
            await pause.pass_round()
        assert other.account_changes.is_revoked(principal)
    finally:
        writer = os.open(hung, os.O_RDWR)
        hung.unlink()
        os.close(writer)


async def test_start_without_a_database_fails(keys: SigningKeys, tmp_path: Path, anyio_backend: str) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/no/such.db")  # without tables
    changes = AccountChanges(database, keys)
    with pytest.raises(DatabaseUnavailable):
        await changes.start()
    await changes.aclose()
    await database.aclose()


async def test_poll_continues_after_an_unexpected_error(
    make_process: MakeProcess,
    process: Process,
    user: UserRow,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pause = FakeSleep()
    other = await make_process(sleep=pause.sleep)
    issued = await process.sign_in(user)
    principal = other.access_tokens.verify(issued.access_token)
    async with database.session() as db_session:
        await db_session.execute(text("ALTER TABLE account_change_counter RENAME TO elsewhere"))
    with caplog.at_level(logging.WARNING):
        await pause.pass_round()
        await pause.pass_round()
    assert caplog.records
    async with database.session() as db_session:
        await db_session.execute(text("ALTER TABLE elsewhere RENAME TO account_change_counter"))
    async with database.session() as db_session:
        await revoke_token(db_session, issued.token_id)
    await pause.pass_round()
    assert other.account_changes.is_revoked(principal)


@pytest.mark.servers
async def test_last_view_applies_while_the_database_is_unavailable_and_polls_recover(
    postgres_server: PostgresServer,
    postgres_url: str,
    keys: SigningKeys,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database(postgres_url)
    async with database.session() as db_session:
        connection = await db_session.connection()
        await connection.run_sync(Base.metadata.create_all)
    pause = FakeSleep()
    changes = AccountChanges(database, keys, clock=clock, sleep=pause.sleep)
    async with database.session() as db_session:
        db_session.add(UserRow(id="usr_1", name="ada", is_disabled=True))
        db_session.add(UserRow(id="usr_2", name="bob"))
        db_session.add(UserRow(id="usr_3", name="eve"))
        await db_session.flush()
        await revoke_user(db_session, "usr_3", clock=clock)
    await changes.start()
    ada, bob, eve = (
        Principal(user_id, frozenset({"chat"}), "tok_1", 1, 2) for user_id in ("usr_1", "usr_2", "usr_3")
    )
    postgres_server.stop()
    with caplog.at_level(logging.WARNING):
        await pause.pass_round()
        await pause.pass_round()
    assert caplog.text.count("revocations stay as last known") == 1
    assert postgres_url.split("@")[0].split(":")[-1] not in caplog.text
    assert [changes.is_revoked(principal) for principal in (ada, bob, eve)] == [True, False, True]
    postgres_server.start()
    await change_user(database, is_disabled=UserRow.id == "usr_2")
    async with database.session() as db_session:  # as if an older copy were restored
        await db_session.execute(delete(RevocationRow))
    with caplog.at_level(logging.WARNING):
        await pause.pass_round()
    assert "database is available again" in caplog.text
    assert [changes.is_revoked(principal) for principal in (ada, bob, eve)] == [False, True, True]
    await changes.aclose()
    await database.aclose()
