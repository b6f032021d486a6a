"""Mints and verifies access tokens: JWTs of type at+jwt, signed with ES256.

Does not use the database: revocations come from the view in memory that `account_changes` maintains.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from jose import jws, jwt
from jose.exceptions import JOSEError

from app.auth.principal import Principal
from app.auth.signing_keys import ALGORITHM, SigningKey, SigningKeys
from app.auth.token_guard import (
    MAX_TOKEN_CHARACTERS,
    PRIORITY_CLAIM,
    RATE_CLAIM,
    TOKEN_TYPE,
    Expectations,
    check_times,
    parse,
    principal_of,
)
from app.clock_steps import STEP_BACK
from app.errors import InvalidToken, TokenRevoked
from app.settings import AuthSettings
from inference import Priority

_DEFAULT_CACHE_SIZE: Final = 10_000  # tokens; about 6 MB


class RevocationView(Protocol):
    """The revoked tokens and disabled users that are known now."""

    def is_revoked(self, principal: Principal) -> bool: ...


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A signed access token and what the database stores about it. Times are Unix seconds.

    `issued_at`, the claim `iat`, may be later than `made_at`.
    """

    encoded: str
    token_id: str
    issued_at: int
    made_at: int
    expires_at: int

    @property
    def expires_in(self) -> int:
        return self.expires_at - self.made_at


class AccessTokens:
    """Created at startup; nothing to close. Only one thread may verify."""

    def __init__(
        self,
        keys: SigningKeys,
        revocations: RevocationView,
        settings: AuthSettings,
        *,
        clock: Callable[[], float] = time.time,
        cache_size: int = _DEFAULT_CACHE_SIZE,
    ) -> None:
        self._keys = keys
        self._revocations = revocations
        self._expected = Expectations(settings.issuer, settings.audience, settings.leeway_seconds)
        self._clock = clock
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, Principal] = OrderedDict()  # by SHA-256 of the whole token
        self._cache_generation = keys.generation

    def mint(
        self,
        user_id: str,
        scopes: Iterable[str],
        lifetime: timedelta,
        *,
        family_id: str | None = None,
        not_issued_before: int = 0,
        requests_per_minute: int | None = None,
        priority: Priority = "interactive",
    ) -> MintedToken:
        """Sign a new token. `not_issued_before` (Unix seconds) moves `iat` past a revocation of the user.

        After a clock was set back that may be far in the future; `nbf` and `exp` follow the clock.
        """
        now = int(self._clock())
        issued_at = max(now, not_issued_before)
        expires_at = now + int(lifetime.total_seconds())
        token_id = f"tok_{secrets.token_urlsafe(16)}"
        claims = {
            "iss": self._expected.issuer,
            "aud": self._expected.audience,
            "sub": user_id,
            "jti": token_id,
            "iat": issued_at,
            "nbf": now - int(STEP_BACK.total_seconds()),
            "exp": expires_at,
            "scope": " ".join(sorted(scopes)),
        }
        if family_id is not None:
            claims["fam"] = family_id
        if requests_per_minute is not None:
            claims[RATE_CLAIM] = requests_per_minute
        if priority != "interactive":
            claims[PRIORITY_CLAIM] = priority
        key = self._keys.signer()
        headers = {"typ": TOKEN_TYPE, "kid": key.key_id}
        encoded: str = jwt.encode(claims, key.signer, algorithm=ALGORITHM, headers=headers)
        return MintedToken(encoded, token_id, issued_at, now, expires_at)

    def verify(self, encoded: str) -> Principal:
        """Return the caller. Raises InvalidToken, TokenExpired or TokenRevoked."""
        principal = self.verify_cached(encoded)
        if principal is None:
            principal = self._identify(encoded, self._keys.find)
            check_times(principal, self._expected, self._clock())
            if self._revocations.is_revoked(principal):
                raise TokenRevoked
            self._remember(encoded, principal)
        return principal

    def identify(self, encoded: str) -> Principal:
        """Return the caller that a token of ours names, valid or not. Raises InvalidToken.

        For revoking it: a token that expired by a clock that was ahead becomes valid again.
        """
        return self._identify(encoded, self._keys.find_at_any_time)

    def verify_cached(self, encoded: str) -> Principal | None:
        """Like `verify`, for a token whose signature was verified recently; None for any other.

        Computes a hash and verifies no signature.
        """
        if self._cache_generation != self._keys.generation:
            self._cache.clear()
            self._cache_generation = self._keys.generation
        if len(encoded) > MAX_TOKEN_CHARACTERS or not encoded.isascii():
            raise InvalidToken
        digest = hashlib.sha256(encoded.encode()).digest()
        principal = self._cache.get(digest)
        if principal is None:
            return None
        try:
            check_times(principal, self._expected, self._clock())
        except InvalidToken:
            del self._cache[digest]
            raise
        if self._revocations.is_revoked(principal):
            raise TokenRevoked
        self._cache.move_to_end(digest)
        return principal

    def _identify(self, encoded: str, find_key: Callable[[str], SigningKey | None]) -> Principal:
        token = parse(encoded)
        key = find_key(token.key_id)
        if key is None or token.algorithm != ALGORITHM:
            raise InvalidToken
        try:
            jws.verify(encoded, key.verifier, algorithms=[ALGORITHM])
        except JOSEError:
            raise InvalidToken from None
        return principal_of(token.claims, self._expected)

    def _remember(self, encoded: str, principal: Principal) -> None:
        self._cache[hashlib.sha256(encoded.encode()).digest()] = principal
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
