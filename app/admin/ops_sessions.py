"""Signing in to the page at /ops with a one-time link, and signing out: a session is an access token.

So it expires, is listed and is revoked like any other. Signing in with an existing token creates none.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.admin import accounts, tokens
from app.admin.audit import SIGN_IN_LINK
from app.auth.account_changes import AccountChanges
from app.auth.principal import Principal
from app.auth.sign_in_link import SignInLink
from app.auth.token_issuer import IssuedTokens, NewTokens, TokenIssuer
from app.persistence.access_tokens import find_access_token
from app.persistence.database import Database
from app.persistence.users import find_user_named

OPERATOR: Final = "operator"  # the account that links sign in
SCOPES: Final = ("admin", "ops")
SESSION_LIFETIME: Final = timedelta(hours=12)
NOTE: Final = "session of /ops, by sign-in link"


@dataclass(frozen=True, slots=True)
class SignInByLink:
    """Exchanges the secret of a link for a session's token, whose lifetime is at most `max_lifetime`."""

    account_changes: AccountChanges
    issuer: TokenIssuer
    link: SignInLink
    max_lifetime: timedelta

    async def sign_in(self, secret: str) -> IssuedTokens:
        """Use up the link. Raises `InvalidSignInLink`, and `Conflict` if the account is disabled."""
        await asyncio.to_thread(self.link.check, secret)
        async with self.account_changes.transaction() as db_session:
            user = await accounts.get_or_create_user(db_session, SIGN_IN_LINK, OPERATOR)
            new = NewTokens(SCOPES, min(SESSION_LIFETIME, self.max_lifetime), note=NOTE)
            issued = await tokens.issue_tokens(db_session, SIGN_IN_LINK, self.issuer, user, new)
            # Last: an earlier failure does not use up the link, and a failure here issues nothing.
            await asyncio.to_thread(self.link.use, secret)
        return issued


async def sign_out(account_changes: AccountChanges, principal: Principal) -> None:
    """Revoke the session's token, unless the operator signed in with an existing one."""
    async with account_changes.transaction() as db_session:
        row = await find_access_token(db_session, principal.token_id)
        if row is not None and row.note == NOTE:
            await tokens.revoke_token(db_session, principal.user_id, principal.token_id)


async def is_first_visit(database: Database) -> bool:
    """Whether no link has been used yet."""
    async with database.session(read_only=True) as db_session:
        return await find_user_named(db_session, OPERATOR) is None
