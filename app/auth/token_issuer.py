"""Issues and records access tokens, with or without the refresh token that begins a family.

Used by the HTTP routes and by the command line. Works inside the caller's transaction.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.access_tokens import AccessTokens, MintedToken
from app.auth.principal import SCOPES
from app.auth.token_guard import MAX_RATE
from app.persistence.access_tokens import add_access_token
from app.persistence.refresh_tokens import add_refresh_token, lock_user
from app.persistence.revocations import user_revoked_until
from app.persistence.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.sentence import Sentence
from app.settings import AuthSettings
from inference import Priority

REFRESH_TOKEN_PREFIX: Final = "rt_"  # noqa: S105  (the prefix of a secret, not a secret)
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class NewTokens:
    """What to issue. `lifetime` is the access token's; None takes the settings'.

    `requests_per_minute` is a rate of the token's own, instead of its user's. `priority` holds for all tokens
    of the family.
    """

    scopes: Collection[str]
    lifetime: timedelta | None = None
    with_refresh: bool = False
    note: str = ""
    requests_per_minute: int | None = None
    priority: Priority = "interactive"


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What the caller gets, only once. `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str | None = field(repr=False)
    family_id: str | None
    token_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do what. `family_id` is None when there is no refresh token."""

    user_id: str
    scopes: frozenset[str]
    family_id: str | None = None
    note: str = ""
    requests_per_minute: int | None = None
    priority: Priority = "interactive"


class TokenIssuer:
    """Created at startup; nothing to close."""

    def __init__(self, access_tokens: AccessTokens, settings: AuthSettings) -> None:
        self._access_tokens = access_tokens
        self._settings = settings

    async def issue(self, db_session: AsyncSession, user: UserRow, new: NewTokens) -> IssuedTokens:
        """Issue tokens for a new sign-in of a user that has been flushed.

        Raises ValueError, with a message for the operator, if a scope is
        unknown or missing, the lifetime is out of bounds, or a rate is out
        of bounds or combined with a refresh token.
        """
        scopes = frozenset(new.scopes)
        lifetime = self._settings.access_token_ttl if new.lifetime is None else new.lifetime
        self._check(scopes, lifetime)
        _check_rate(new)
        await lock_user(db_session, user.id)  # a revocation of all of the user's tokens waits until this ends
        family_id = f"fam_{secrets.token_urlsafe(16)}" if new.with_refresh else None
        grant = Grant(user.id, scopes, family_id, new.note, new.requests_per_minute, new.priority)
        minted = await self.mint(db_session, grant, lifetime)
        refresh_token = None
        if new.with_refresh:
            refresh_token = REFRESH_TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
            await self.add_refresh_token(db_session, grant, refresh_token, minted.made_at)
        return IssuedTokens(
            access_token=minted.encoded,
            expires_in=minted.expires_in,
            refresh_token=refresh_token,
            family_id=family_id,
            token_id=minted.token_id,
            scopes=grant.scopes,
        )

    async def mint(self, db_session: AsyncSession, grant: Grant, lifetime: timedelta) -> MintedToken:
        """Sign and record an access token. The caller holds the user's lock."""
        revoked_until = await user_revoked_until(db_session, grant.user_id)
        minted = self._access_tokens.mint(
            grant.user_id,
            grant.scopes,
            lifetime,
            family_id=grant.family_id,
            requests_per_minute=grant.requests_per_minute,
            priority=grant.priority,
            # `iat` has whole seconds: a token issued in the second of a revocation would be revoked too.
            not_issued_before=int(revoked_until.timestamp()) + 1 if revoked_until else 0,
        )
        row = AccessTokenRow(
            jti=minted.token_id,
            user_id=grant.user_id,
            scopes=" ".join(sorted(grant.scopes)),
            family_id=grant.family_id,
            issued_at=datetime_of(minted.issued_at),
            expires_at=datetime_of(minted.expires_at),
            note=grant.note,
            requests_per_minute=grant.requests_per_minute,
            priority=grant.priority,
        )
        await add_access_token(db_session, row)
        return minted

    async def add_refresh_token(
        self, db_session: AsyncSession, grant: Grant, refresh_token: str, created_at: int
    ) -> RefreshTokenRow:
        """Store the hash of `refresh_token` as the newest of the grant's family."""
        assert grant.family_id is not None
        row = RefreshTokenRow(
            id=f"rtk_{secrets.token_urlsafe(16)}",
            token_hash=hash_refresh_token(refresh_token),
            family_id=grant.family_id,
            user_id=grant.user_id,
            scopes=" ".join(sorted(grant.scopes)),
            priority=grant.priority,
            successor_nonce=secrets.token_urlsafe(SECRET_BYTES),
            created_at=datetime_of(created_at),
            expires_at=datetime_of(created_at) + self._settings.refresh_token_ttl,
        )
        await add_refresh_token(db_session, row)
        return row

    def _check(self, scopes: frozenset[str], lifetime: timedelta) -> None:
        if not scopes or not scopes <= SCOPES:
            scopes_there_are = ", ".join(sorted(SCOPES))
            raise ValueError(Sentence("scopes must be one or more of: {scopes}", scopes=scopes_there_are))
        longest = self._settings.max_access_token_ttl
        if not timedelta(seconds=1) <= lifetime <= longest:
            bounds = Sentence("the lifetime must be between 1 second and {longest}", longest=longest)
            raise ValueError(bounds)


def _check_rate(new: NewTokens) -> None:
    rate = new.requests_per_minute
    if rate is None:
        return
    if not 1 <= rate <= MAX_RATE:
        most = Sentence("a token's requests per minute must be between 1 and {most}", most=MAX_RATE)
        raise ValueError(most)
    if new.with_refresh:
        raise ValueError(
            Sentence("a token with a rate of its own cannot have a refresh token; set the user's rate")
        )


def hash_refresh_token(refresh_token: str) -> str:
    """For 256 random bits, neither a salt nor a slow hash is needed."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


def datetime_of(unix_seconds: float) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)
