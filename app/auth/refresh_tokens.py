"""Exchanges a refresh token for its successor and a new access token.

A refresh token is a prefix and 256 random bits; only its hash is stored. Each use creates a successor in
the same family. If a used token is presented late, or after its successor was used, it was stolen, and
its whole family is revoked.
"""

import base64
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.account_changes import AccountChanges
from app.auth.token_issuer import (
    REFRESH_TOKEN_PREFIX,
    Grant,
    IssuedTokens,
    TokenIssuer,
    datetime_of,
    hash_refresh_token,
)
from app.auth.token_revocation import revoke_family
from app.errors import InvalidGrant
from app.persistence.refresh_tokens import find_refresh_token, is_unused, lock_user
from app.persistence.tables import RefreshTokenRow
from app.settings import AuthSettings

_FORM: Final = re.compile(rf"{REFRESH_TOKEN_PREFIX}[A-Za-z0-9_-]{{43}}")  # 32 bytes in base64url

logger = logging.getLogger(__name__)


class RefreshTokens:
    """Created at startup; nothing to close. Each method is one transaction."""

    def __init__(
        self,
        issuer: TokenIssuer,
        account_changes: AccountChanges,
        settings: AuthSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._account_changes = account_changes
        self._settings = settings
        self._clock = clock

    async def refresh(self, refresh_token: str) -> IssuedTokens:
        """Return the next pair of tokens.

        A retry within the grace period gets the same successor, so that a lost response does not sign the
        user out. Once the successor was used, the response did arrive, and a retry is someone else's.

        Raises InvalidGrant, DatabaseUnavailable and DatabaseBusy.
        """
        if not _FORM.fullmatch(refresh_token):
            raise InvalidGrant
        async with self._account_changes.transaction(refuse_when_busy=True) as db_session:
            row = await self._lock(db_session, refresh_token)
            if not await self._is_reused(db_session, row):
                return await self._rotate(db_session, row, refresh_token)
            await revoke_family(db_session, row.family_id, clock=self._clock)
        logger.warning("a used refresh token was presented again; family %s is revoked", row.family_id)
        raise InvalidGrant

    async def revoke(self, refresh_token: str) -> bool:
        """Revoke the family of a refresh token. Returns whether there is such a token."""
        if not _FORM.fullmatch(refresh_token):
            return False
        async with self._account_changes.transaction() as db_session:
            row = await find_refresh_token(db_session, hash_refresh_token(refresh_token))
            if row is None:
                return False
            await revoke_family(db_session, row.family_id, clock=self._clock)
        return True

    async def _lock(self, db_session: AsyncSession, refresh_token: str) -> RefreshTokenRow:
        """The row, once no other transaction changes the user's tokens. Raises InvalidGrant."""
        token_hash = hash_refresh_token(refresh_token)
        row = await find_refresh_token(db_session, token_hash)
        if row is None:
            raise InvalidGrant
        user = await lock_user(db_session, row.user_id)
        row = await find_refresh_token(db_session, token_hash)
        if user is None or user.is_disabled or row is None or row.revoked_at is not None:
            raise InvalidGrant
        if row.expires_at <= datetime_of(self._clock()):
            raise InvalidGrant
        return row

    async def _is_reused(self, db_session: AsyncSession, row: RefreshTokenRow) -> bool:
        """The caller holds the user's lock, so that the successor is not used meanwhile.

        After a clock was set back, the time since the first use is unknown: that is not a retry.
        """
        if row.used_at is None:
            return False
        grace, leeway = self._settings.refresh_retry_grace, timedelta(seconds=self._settings.leeway_seconds)
        if not -leeway <= datetime_of(self._clock()) - row.used_at <= grace:
            return True
        return row.successor_id is None or not await is_unused(db_session, row.successor_id)

    async def _rotate(
        self, db_session: AsyncSession, row: RefreshTokenRow, refresh_token: str
    ) -> IssuedTokens:
        scopes = frozenset(row.scopes.split())
        grant = Grant(row.user_id, scopes, row.family_id, priority=row.priority)
        minted = await self._issuer.mint(db_session, grant, self._settings.access_token_ttl)
        successor = _successor_of(refresh_token, row.successor_nonce)
        if row.used_at is None:
            next_row = await self._issuer.add_refresh_token(db_session, grant, successor, minted.made_at)
            row.used_at = datetime_of(self._clock())
            row.successor_id = next_row.id
        return IssuedTokens(
            access_token=minted.encoded,
            expires_in=minted.expires_in,
            refresh_token=successor,
            family_id=row.family_id,
            token_id=minted.token_id,
            scopes=grant.scopes,
        )


def _successor_of(refresh_token: str, nonce: str) -> str:
    """Derived from both: neither a stolen old token nor a copy of the database is enough to compute it."""
    secret = hmac.new(nonce.encode(), refresh_token.encode(), hashlib.sha256).digest()
    return REFRESH_TOKEN_PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
