import pytest

from app.idempotency.key import IdempotencyKey
from app.idempotency.sealed_response import StoredResponse, seal, unseal

KEY = IdempotencyKey.of(["8e03978e-40d5-43e8-bc93-6894a57f9324"], "usr_alice")
RESPONSE = StoredResponse(201, (("content-type", "application/json"),), b'{"content":"a secret\n\xff"}')


def test_unsealed_response_is_the_sealed_one() -> None:
    assert unseal(seal(RESPONSE, KEY, "f"), KEY, "f") == RESPONSE


def test_sealed_response_is_not_readable_and_never_the_same_twice() -> None:
    sealed = seal(RESPONSE, KEY, "f")
    assert b"secret" not in sealed
    assert b"json" not in sealed
    assert seal(RESPONSE, KEY, "f") != sealed


@pytest.mark.parametrize(
    "name", ["another key", "another user", "another request", "changed", "cut", "empty"]
)
def test_anything_else_is_not_unsealed(name: str) -> None:
    sealed = seal(RESPONSE, KEY, "f")
    key, fingerprint = KEY, "f"
    match name:
        case "another key":
            key = IdempotencyKey.of(["another"], "usr_alice")
        case "another user":
            key = IdempotencyKey.of(["8e03978e-40d5-43e8-bc93-6894a57f9324"], "usr_bob")
        case "another request":
            fingerprint = "g"
        case "changed":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        case "cut":
            sealed = sealed[:20]
        case "empty":
            sealed = b""
    assert unseal(sealed, key, fingerprint) is None
