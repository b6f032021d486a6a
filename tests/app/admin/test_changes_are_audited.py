"""A change by an operator and its audit entry are one transaction: both are written, or neither."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.admin import accounts, tokens
from app.admin.accounts import UserChanges
from app.admin.audit import COMMAND_LINE, read_audit_log
from app.admin.keys import rotate_keys
from app.auth.token_issuer import IssuedTokens, NewTokens, TokenIssuer
from app.errors import Conflict, InvalidRequest, NotFound
from app.persistence.database import Database
from app.persistence.tables import AccessTokenRow, UserRow
from app.settings import Settings

pytestmark = pytest.mark.anyio

Change = Callable[[AsyncSession, "Scene"], Awaitable[object]]


@dataclass(frozen=True)
class Scene:
    """One user with one sign-in."""

    user: UserRow
    issued: IssuedTokens = field(repr=False)
    issuer: TokenIssuer = field(repr=False)
    settings: Settings


@pytest.fixture
async def scene(database: Database, issuer: TokenIssuer, settings: Settings) -> Scene:
    async with database.session() as db_session:
        user = await accounts.create_user(db_session, COMMAND_LINE, "bob")
        new = NewTokens(["chat"], with_refresh=True)
        issued = await tokens.issue_tokens(db_session, COMMAND_LINE, issuer, user, new)
    return Scene(user, issued, issuer, settings)


CHANGES: dict[str, Change] = {
    "user.create": lambda db_session, scene: accounts.create_user(db_session, "usr_root", "carol"),
    "user.update": lambda db_session, scene: accounts.update_user(
        db_session, "usr_root", scene.user.id, UserChanges(is_disabled=True)
    ),
    "token.issue": lambda db_session, scene: tokens.issue_tokens(
        db_session, "usr_root", scene.issuer, scene.user, NewTokens(["chat"])
    ),
    "token.revoke": lambda db_session, scene: tokens.revoke_token(
        db_session, "usr_root", scene.issued.token_id
    ),
    "family.revoke": lambda db_session, scene: tokens.revoke_family(
        db_session, "usr_root", str(scene.issued.family_id)
    ),
    "user.revoke": lambda db_session, scene: tokens.revoke_user(db_session, "usr_root", scene.user.id),
    "keys.rotate": lambda db_session, scene: rotate_keys(db_session, "usr_root", scene.settings),
}


async def entries_of(database: Database) -> list[tuple[str, str]]:
    """Actor and action, newest first."""
    async with database.session(read_only=True) as db_session:
        rows = (await read_audit_log(db_session, limit=100)).rows
    return [(row.actor, row.action) for row in rows]


@pytest.mark.parametrize("action", CHANGES)
async def test_change_is_audited_with_its_actor(database: Database, scene: Scene, action: str) -> None:
    before = await entries_of(database)
    async with database.session() as db_session:
        await CHANGES[action](db_session, scene)
    assert await entries_of(database) == [("usr_root", action), *before]


@pytest.mark.parametrize("action", CHANGES)
async def test_change_that_is_rolled_back_leaves_no_entry(
    database: Database, scene: Scene, action: str
) -> None:
    before = await entries_of(database)

    async def change_and_fail() -> None:
        async with database.session() as db_session:
            await CHANGES[action](db_session, scene)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert await entries_of(database) == before
    async with database.session(read_only=True) as db_session:
        assert (await db_session.scalars(select(func.count()).select_from(UserRow))).one() == 1
        token = (await db_session.scalars(select(AccessTokenRow))).one()
    assert token.revoked_at is None


async def test_entry_holds_no_token(database: Database, scene: Scene) -> None:
    async with database.session(read_only=True) as db_session:
        rows = (await read_audit_log(db_session, limit=100)).rows
    written = " ".join(f"{row.subject} {row.details}" for row in rows)
    assert scene.issued.token_id in written
    assert scene.issued.access_token not in written
    assert str(scene.issued.refresh_token) not in written
    issue = next(row for row in rows if row.action == "token.issue")
    assert json.loads(issue.details) == {
        "user_id": scene.user.id,
        "scopes": ["chat"],
        "expires_in": 900,
        "family_id": scene.issued.family_id,
        "note": "",
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda s, scene: accounts.create_user(s, "usr_root", "bob"), Conflict),
        (lambda s, scene: accounts.create_user(s, "usr_root", "b\nb"), InvalidRequest),
        (lambda s, scene: accounts.update_user(s, "usr_root", "usr_x", UserChanges(note="x")), NotFound),
        (lambda s, scene: accounts.get_user_named(s, "nobody"), NotFound),
        (
            lambda s, scene: tokens.issue_tokens(s, "usr_root", scene.issuer, scene.user, NewTokens([])),
            InvalidRequest,
        ),
        (
            lambda s, scene: tokens.issue_tokens(
                s, "usr_root", scene.issuer, scene.user, NewTokens(["chat"], timedelta(days=91))
            ),
            InvalidRequest,
        ),
        (lambda s, scene: tokens.revoke_token(s, "usr_root", "tok_x"), NotFound),
        (lambda s, scene: tokens.revoke_family(s, "usr_root", "fam_x"), NotFound),
        (lambda s, scene: tokens.revoke_user(s, "usr_root", "usr_x"), NotFound),
    ],
)
async def test_refused_change_gives_a_reason_and_is_not_audited(
    database: Database, scene: Scene, change: Any, error: type[Exception]
) -> None:
    before = await entries_of(database)

    async def attempt() -> None:
        async with database.session() as db_session:
            await change(db_session, scene)

    with pytest.raises(error):
        await attempt()
    assert await entries_of(database) == before


async def test_user_is_created_once_and_then_found(database: Database, scene: Scene) -> None:
    for _ in range(2):
        async with database.session() as db_session:
            found = await accounts.get_or_create_user(db_session, COMMAND_LINE, "bob")
            made = await accounts.get_or_create_user(db_session, COMMAND_LINE, "carol")
    assert found.id == scene.user.id
    assert (await entries_of(database)).count((COMMAND_LINE, "user.create")) == 2
    assert made.id != found.id
