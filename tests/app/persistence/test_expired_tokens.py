"""Issued tokens are kept for a while after they expired, and then deleted a few rows at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.persistence.access_tokens import add_access_token
from app.persistence.database import Database
from app.persistence.expired_tokens import KEPT_AFTER_EXPIRY, MAX_DELETED
from app.persistence.refresh_tokens import add_refresh_token, family_owner
from app.persistence.tables import AccessTokenRow, RefreshTokenRow, UserRow

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
LONG_AGO = NOW - KEPT_AFTER_EXPIRY - timedelta(seconds=1)


def access_token(name: str, expires_at: datetime, family_id: str | None = None) -> AccessTokenRow:
    return AccessTokenRow(
        jti=f"tok_{name}",
        user_id="usr_alice",
        scopes="chat",
        family_id=family_id,
        issued_at=NOW,
        expires_at=expires_at,
    )


def refresh_token(name: str, expires_at: datetime) -> RefreshTokenRow:
    return RefreshTokenRow(
        id=f"rtk_{name}",
        token_hash=name,
        family_id="fam_1",
        user_id="usr_alice",
        scopes="chat",
        successor_nonce="",
        created_at=NOW,
        expires_at=expires_at,
    )


@pytest.fixture
async def user(database: Database) -> UserRow:
    user = UserRow(id="usr_alice", name="alice")
    async with database.session() as db_session:
        db_session.add(user)
    return user


async def test_rows_that_expired_long_ago_are_deleted_when_one_is_added(
    database: Database, user: UserRow
) -> None:
    kept_until = NOW - KEPT_AFTER_EXPIRY
    async with database.session() as db_session:
        for name, expires_at in (("old", LONG_AGO), ("kept", kept_until), ("live", NOW + KEPT_AFTER_EXPIRY)):
            db_session.add(access_token(name, expires_at))
            db_session.add(refresh_token(name, expires_at))
    async with database.session() as db_session:
        await add_access_token(db_session, access_token("new", NOW))
        await add_refresh_token(db_session, refresh_token("new", NOW))
    async with database.session(read_only=True) as db_session:
        assert set(await db_session.scalars(select(AccessTokenRow.jti))) == {
            "tok_kept",
            "tok_live",
            "tok_new",
        }
        assert set(await db_session.scalars(select(RefreshTokenRow.id))) == {
            "rtk_kept",
            "rtk_live",
            "rtk_new",
        }


async def test_many_expired_rows_are_deleted_in_batches(database: Database, user: UserRow) -> None:
    async with database.session() as db_session:
        for number in range(MAX_DELETED + 5):
            db_session.add(access_token(str(number), LONG_AGO - timedelta(seconds=number)))
    counts = []
    for name in ("first", "second"):
        async with database.session() as db_session:
            await add_access_token(db_session, access_token(name, NOW))
            counts.append(await db_session.scalar(select(func.count()).select_from(AccessTokenRow)))
    assert counts == [5 + 1, 2]


@pytest.mark.servers
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_rows_that_another_transaction_deletes_are_skipped(database: Database, user: UserRow) -> None:
    async with database.session() as db_session:
        db_session.add(access_token("old", LONG_AGO))
    async with database.session() as first, database.session() as second:
        await add_access_token(first, access_token("first", NOW))
        await add_access_token(second, access_token("second", NOW))  # would wait forever


async def test_family_has_an_owner_while_one_of_its_access_tokens_exists(
    database: Database, user: UserRow
) -> None:
    async with database.session() as db_session:
        await add_access_token(db_session, access_token("live", NOW + timedelta(days=1), "fam_1"))
        assert await family_owner(db_session, "fam_1") == user.id
        assert await family_owner(db_session, "fam_2") is None
