import pytest

from app.errors import InvalidIdempotencyKey
from app.idempotency.key import IdempotencyKey

UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def key_of(*headers: str, user_id: str = "usr_alice") -> IdempotencyKey:
    return IdempotencyKey.of(headers, user_id)


@pytest.mark.parametrize("key", ["k", UUID, "!~", "a" * 255, 'quote"inside', "back\\slash"])
def test_quoted_key_is_the_same_as_the_plain_one(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert key_of(f' "{escaped}"\t') == key_of(key)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["a", "a"],
        [""],
        ['""'],
        ["a" * 256],
        ["a b"],
        ["a,\x7f"],
        ["ключ"],
        ['"open'],
        ['"a" "b"'],
        ['"a\\b"'],
    ],
)
def test_malformed_key_is_refused(headers: list[str]) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        key_of(*headers)


def test_nothing_of_it_is_the_same_for_another_user_or_key() -> None:
    keys = [key_of(UUID), key_of(UUID, user_id="usr_bob"), key_of(UUID + "0")]
    assert len({key.hash for key in keys}) == 3
    assert len({key.encryption_key for key in keys}) == 3
    assert len({key.fingerprint(b"body") for key in keys}) == 3
    assert key_of(UUID).fingerprint(b"body") == keys[0].fingerprint(b"body")


def test_fingerprint_tells_parts_apart() -> None:
    key = key_of(UUID)
    assert len({key.fingerprint(b"ab", b"c"), key.fingerprint(b"a", b"bc"), key.fingerprint(b"abc")}) == 3


def test_its_representation_has_no_secret() -> None:
    key = key_of(UUID)
    assert repr(key) == f"IdempotencyKey(hash='{key.hash}')"
