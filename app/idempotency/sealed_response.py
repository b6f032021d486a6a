"""A finished response as the database has it: compressed, then encrypted with a key that is not stored.

AES-256-GCM under a key that is derived from the Idempotency-Key; the nonce is random. Bound to the request,
so that a row cannot be given the response of another one.
"""

import secrets
import zlib
from dataclasses import dataclass
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.idempotency.key import IdempotencyKey

NONCE_BYTES: Final = 12
COMPRESSION_LEVEL: Final = 1  # a stream's events shrink to a tenth, a megabyte in some milliseconds


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """`headers` are in lower case, without those that belong to one connection or attempt."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def seal(response: StoredResponse, key: IdempotencyKey, fingerprint: str) -> bytes:
    head = orjson.dumps([response.status, response.headers])
    packed = zlib.compress(b"%b\n%b" % (head, response.body), COMPRESSION_LEVEL)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key.encryption_key).encrypt(nonce, packed, _bound_to(key, fingerprint))


def unseal(sealed: bytes, key: IdempotencyKey, fingerprint: str) -> StoredResponse | None:
    """None for what was not sealed by `seal` with the same arguments: somebody changed the row."""
    nonce, encrypted = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        packed = AESGCM(key.encryption_key).decrypt(nonce, encrypted, _bound_to(key, fingerprint))
    except (InvalidTag, ValueError):
        return None
    head, _, body = zlib.decompress(packed).partition(b"\n")
    status, headers = orjson.loads(head)
    return StoredResponse(status, tuple((name, value) for name, value in headers), body)


def _bound_to(key: IdempotencyKey, fingerprint: str) -> bytes:
    return f"{key.hash} {fingerprint}".encode()
