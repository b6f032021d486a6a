"""What an access token must look like before and after its signature is checked.

Complements python-jose, which accepts non-canonical base64url and duplicate keys. Does not handle keys or
signatures. Every refusal is InvalidToken, so that a forger learns nothing.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from app.auth.principal import Principal
from app.errors import InvalidToken, TokenExpired
from inference import Priority

TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  (a media type, RFC 9068)
MAX_TOKEN_CHARACTERS: Final = 8192
RATE_CLAIM: Final = "rpm"  # requests per minute, of a token with a rate of its own
MAX_RATE: Final = 1_000_000
PRIORITY_CLAIM: Final = "pri"  # absent: interactive
_SIGNATURE_BYTES: Final = 64  # r and s of ES256
_HEADER_MEMBERS: Final = frozenset({"alg", "kid", "typ"})
_MAX_TIME: Final = 2**53  # seconds; beyond it JSON numbers are not exact everywhere

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SCOPE: Final = re.compile(r"[a-z]+(?: [a-z]+)*")
_MAX_SCOPE_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A well-formed token. Its content must not be trusted before its signature is verified."""

    algorithm: str
    key_id: str
    claims: dict[str, Any]  # untrusted


@dataclass(frozen=True, slots=True)
class Expectations:
    """Whose tokens are accepted, and how far clocks may differ."""

    issuer: str
    audience: str
    leeway_seconds: int


def parse(encoded: str) -> UnverifiedToken:
    """Parse a compact JWS. Raises InvalidToken unless it is canonical to the last bit."""
    if len(encoded) > MAX_TOKEN_CHARACTERS:
        raise InvalidToken
    segments = encoded.split(".")
    if len(segments) != 3:
        raise InvalidToken
    header, claims = _json_object(_decode(segments[0])), _json_object(_decode(segments[1]))
    if len(_decode(segments[2])) != _SIGNATURE_BYTES:
        raise InvalidToken
    # An exact set: refuses `crit`, `b64`, `zip` and keys inside the token (jwk, jku, x5u, x5c).
    if header.keys() != _HEADER_MEMBERS or header["typ"] != TOKEN_TYPE:
        raise InvalidToken
    if not isinstance(header["alg"], str):
        raise InvalidToken
    return UnverifiedToken(header["alg"], _identifier(header["kid"]), claims)


def principal_of(claims: dict[str, Any], expected: Expectations) -> Principal:
    """Identify the caller of a token whose signature was verified, whether or not it has expired.

    Raises InvalidToken if a claim is missing or has the wrong type, or the token is for another service.
    """
    if claims.get("iss") != expected.issuer or claims.get("aud") != expected.audience:
        raise InvalidToken
    if "cnf" in claims:  # bound to a key; accepted as a bearer token it would lose that protection
        raise InvalidToken
    user_id, token_id = _identifier(claims.get("sub")), _identifier(claims.get("jti"))
    family_id = _identifier(claims["fam"]) if "fam" in claims else None
    scope = claims.get("scope")
    if not isinstance(scope, str) or len(scope) > _MAX_SCOPE_CHARACTERS or not _SCOPE.fullmatch(scope):
        raise InvalidToken
    expires_at, not_before, issued_at = (_time(claims.get(name)) for name in ("exp", "nbf", "iat"))
    return Principal(
        user_id=user_id,
        scopes=frozenset(scope.split(" ")),
        token_id=token_id,
        issued_at=issued_at,
        expires_at=expires_at,
        family_id=family_id,
        not_before=not_before,
        requests_per_minute=_rate(claims[RATE_CLAIM]) if RATE_CLAIM in claims else None,
        priority=_priority(claims[PRIORITY_CLAIM]) if PRIORITY_CLAIM in claims else "interactive",
    )


def check_times(principal: Principal, expected: Expectations, now: float) -> None:
    """Raises InvalidToken before `nbf` and TokenExpired after `exp`. `now` is in Unix seconds.

    Ignores `iat`, which orders the tokens and revocations of a user even if clocks jumped.
    """
    if principal.not_before > now + expected.leeway_seconds:
        raise InvalidToken
    if now >= principal.expires_at + expected.leeway_seconds:
        raise TokenExpired


def _decode(segment: str) -> bytes:
    if not _SEGMENT.fullmatch(segment):
        raise InvalidToken
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise InvalidToken from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment.encode():  # unused trailing bits were set
        raise InvalidToken
    return data


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise InvalidToken from None
    if not isinstance(value, dict):
        raise InvalidToken
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise InvalidToken
    return value


def _time(value: object) -> int:
    if type(value) is not int or not 0 < value < _MAX_TIME:  # neither booleans nor floats
        raise InvalidToken
    return value


def _priority(value: object) -> Priority:
    if value != "interactive" and value != "batch":
        raise InvalidToken
    return value


def _rate(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MAX_RATE:
        raise InvalidToken
    return value
