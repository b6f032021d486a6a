"""What the token commands do, once their options are read. Imports what issuing takes, so it comes late."""

from datetime import UTC, datetime

from app.admin import tokens
from app.admin.accounts import get_or_create_user, get_user_named
from app.admin.audit import COMMAND_LINE
from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.signing_keys import load_signing_keys
from app.auth.token_issuer import IssuedTokens, NewTokens, TokenIssuer
from app.cli.environment import open_database
from app.persistence.tables import AccessTokenRow
from app.persistence.users import find_user
from app.settings import Settings


async def issue_token(settings: Settings, user_name: str, new: NewTokens) -> IssuedTokens:
    """In development the user is created if there is none."""
    async with open_database(settings) as database:
        signing_keys = load_signing_keys(settings)
        access_tokens = AccessTokens(signing_keys, AccountChanges(database, signing_keys), settings.auth)
        issuer = TokenIssuer(access_tokens, settings.auth)
        async with database.session() as db_session:
            if settings.env == "development":
                user = await get_or_create_user(db_session, COMMAND_LINE, user_name)
            else:
                user = await get_user_named(db_session, user_name)
            return await tokens.issue_tokens(db_session, COMMAND_LINE, issuer, user, new)


async def list_issued(
    settings: Settings, user_name: str | None, limit: int
) -> list[tuple[AccessTokenRow, str]]:
    """Each with its user's name, the newest first."""
    async with open_database(settings) as database, database.session(read_only=True) as db_session:
        user_id = None
        if user_name is not None:
            user_id = (await get_user_named(db_session, user_name)).id
        rows = (await tokens.list_tokens(db_session, limit=limit, user_id=user_id)).rows
        users = [await find_user(db_session, row.user_id) for row in rows]  # each read once
        return [(row, user.name) for row, user in zip(rows, users, strict=True) if user is not None]


def state_of(token: AccessTokenRow) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at <= datetime.now(UTC) else "valid"


async def revoke_tokens(
    settings: Settings, token_id: str | None, family_id: str | None, user_name: str | None
) -> None:
    """Whichever is given."""
    async with open_database(settings) as database, database.session() as db_session:
        if token_id is not None:
            await tokens.revoke_token(db_session, COMMAND_LINE, token_id)
        if family_id is not None:
            await tokens.revoke_family(db_session, COMMAND_LINE, family_id)
        if user_name is not None:
            user = await get_user_named(db_session, user_name)
            await tokens.revoke_user(db_session, COMMAND_LINE, user.id)
