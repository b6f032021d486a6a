"""The `Idempotency-Key` of a request, and what is derived from it: nothing else of it is stored.

The header is that of draft-ietf-httpapi-idempotency-key-header: a quoted string. Most clients send the key
without quotes, which means the same here.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import InvalidIdempotencyKey

SECRET_BYTES: Final = 32

_QUOTED: Final = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])+)"')  # RFC 8941, section 3.3.3, without blanks
_PLAIN: Final = re.compile(r"[!-~]{1,255}")
_ESCAPED: Final = re.compile(r'\\(["\\])')
_SALT: Final = b"autoglm-gateway/idempotency/1"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Of one user: the same key of another user has nothing in common with it.

    `hash` identifies it in the database. Neither `hash` nor a fingerprint tells `encryption_key`.
    """

    hash: str
    encryption_key: bytes = field(repr=False)
    _fingerprint_key: bytes = field(repr=False)

    @classmethod
    def of(cls, headers: Sequence[str], user_id: str) -> Self:
        """From all headers of that name. Raises `InvalidIdempotencyKey`."""
        secret = _unquoted(headers)
        hkdf = HKDF(SHA256(), length=3 * SECRET_BYTES, salt=_SALT, info=user_id.encode())
        derived = hkdf.derive(secret.encode("ascii"))
        parts = (derived[start : start + SECRET_BYTES] for start in range(0, len(derived), SECRET_BYTES))
        key_hash, encryption_key, fingerprint_key = parts
        return cls(key_hash.hex(), encryption_key, fingerprint_key)

    def fingerprint(self, *parts: bytes) -> str:
        """Of a request. A plain hash would let a reader of the database try prompts."""
        digest = hmac.new(self._fingerprint_key, digestmod=hashlib.sha256)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()


def _unquoted(headers: Sequence[str]) -> str:
    if len(headers) != 1:
        raise InvalidIdempotencyKey
    value = headers[0].strip(" \t")
    quoted = _QUOTED.fullmatch(value)
    key = value if quoted is None else _ESCAPED.sub(r"\1", quoted[1])
    if not _PLAIN.fullmatch(key) or (quoted is None and value.startswith('"')):
        raise InvalidIdempotencyKey
    return key
