"""Hostile tokens, most of them signed with the right key, so that only the guard can refuse them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jose.backends.base import Key

from app.auth.access_tokens import AccessTokens
from app.auth.signing_keys import SigningKeys
from app.auth.token_guard import parse
from app.errors import InvalidToken, TokenExpired

from .conftest import FakeClock, Forge

Members = dict[str, Any]
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def code_of(access_tokens: AccessTokens, token: str) -> str:
    """The stable code of the refusal, with a token that must be refused."""
    with pytest.raises(InvalidToken) as refusal:
        access_tokens.verify(token)
    assert str(refusal.value) == type(refusal.value).detail  # constant, so that a forger learns nothing
    return refusal.value.code


def test_unmodified_token_is_accepted(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    assert access_tokens.verify(forge(header, claims)).user_id == "usr_1"


def test_claims_without_a_family_are_accepted(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    del claims["fam"]
    assert access_tokens.verify(forge(header, claims)).family_id is None


def test_rate_of_a_token_is_read(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    assert access_tokens.verify(forge(header, claims)).requests_per_minute is None
    assert access_tokens.verify(forge(header, claims | {"rpm": 60})).requests_per_minute == 60


def test_priority_of_a_token_is_read(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    assert access_tokens.verify(forge(header, claims)).priority == "interactive"
    assert access_tokens.verify(forge(header, claims | {"pri": "batch"})).priority == "batch"


HOSTILE_HEADERS: dict[str, Members] = {
    "alg none": {"alg": "none"},
    "alg None": {"alg": "None"},
    "alg empty": {"alg": ""},
    "alg null": {"alg": None},
    "alg list": {"alg": ["ES256"]},
    "alg HS256": {"alg": "HS256"},
    "alg RS256": {"alg": "RS256"},
    "alg ES384": {"alg": "ES384"},
    "alg es256": {"alg": "es256"},
    "typ JWT": {"typ": "JWT"},
    "typ AT+JWT": {"typ": "AT+JWT"},
    "typ application/at+jwt": {"typ": "application/at+jwt"},
    "typ null": {"typ": None},
    "typ list": {"typ": ["at+jwt"]},
    "kid unknown": {"kid": "A" * 43},
    "kid empty": {"kid": ""},
    "kid null": {"kid": None},
    "kid number": {"kid": 7},
    "kid list": {"kid": ["x"]},
    "kid object": {"kid": {}},
    "kid path": {"kid": "../../../../dev/null"},
    "kid file": {"kid": "/etc/passwd"},
    "kid url": {"kid": "https://example.com/key"},
    "kid sql": {"kid": "' OR 1=1 --"},
    "kid NUL": {"kid": "\x00"},
    "kid newline": {"kid": "A" * 43 + "\n"},
    "kid long": {"kid": "A" * 2000},
    "crit": {"crit": ["exp"]},
    "crit empty": {"crit": []},
    "b64 false": {"b64": False, "crit": ["b64"]},
    "zip": {"zip": "DEF"},
    "cty": {"cty": "JWT"},
    "jku": {"jku": "https://example.com/jwks.json"},
    "x5u": {"x5u": "https://example.com/cert.pem"},
    "x5c": {"x5c": ["MIIB"]},
    "x5t": {"x5t": "AAAA"},
    "jwk null": {"jwk": None},
    "enc": {"enc": "A256GCM"},
}


@pytest.mark.parametrize("members", HOSTILE_HEADERS.values(), ids=HOSTILE_HEADERS.keys())
def test_hostile_header_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, members: Members
) -> None:
    assert code_of(access_tokens, forge(header | members, claims)) == "invalid_token"


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_header_without_a_member_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, name: str
) -> None:
    del header[name]
    assert code_of(access_tokens, forge(header, claims)) == "invalid_token"


HOSTILE_CLAIMS: dict[str, Members] = {
    "iss other": {"iss": "https://evil.example"},
    "iss list": {"iss": ["autoglm-gateway"]},
    "iss null": {"iss": None},
    "aud other": {"aud": "another"},
    "aud array": {"aud": ["autoglm-gateway"]},
    "aud null": {"aud": None},
    "aud empty": {"aud": ""},
    "sub number": {"sub": 1},
    "sub null": {"sub": None},
    "sub empty": {"sub": ""},
    "sub object": {"sub": {"a": 1}},
    "sub path": {"sub": "../admin"},
    "sub NUL": {"sub": "usr_1\x00"},
    "sub surrogate": {"sub": "\ud800"},
    "sub newline": {"sub": "usr_1\n"},
    "sub long": {"sub": "u" * 129},
    "jti number": {"jti": 1},
    "jti empty": {"jti": ""},
    "jti null": {"jti": None},
    "rpm null": {"rpm": None},
    "rpm text": {"rpm": "60"},
    "rpm boolean": {"rpm": True},
    "rpm zero": {"rpm": 0},
    "rpm huge": {"rpm": 1_000_001},
    "pri null": {"pri": None},
    "pri unknown": {"pri": "first"},
    "pri list": {"pri": ["batch"]},
    "fam null": {"fam": None},
    "fam number": {"fam": 1},
    "fam empty": {"fam": ""},
    "scope list": {"scope": ["chat"]},
    "scope null": {"scope": None},
    "scope empty": {"scope": ""},
    "scope double space": {"scope": "chat  vision"},
    "scope tab": {"scope": "chat\tadmin"},
    "scope trailing newline": {"scope": "chat\n"},
    "scope long": {"scope": "a" * 257},
    "cnf": {"cnf": {"jkt": "A" * 43}},
    "cnf null": {"cnf": None},
    "exp boolean": {"exp": True},
    "exp float": {"exp": 4102444800.0},
    "exp string": {"exp": "4102444800"},
    "exp null": {"exp": None},
    "exp list": {"exp": [4102444800]},
    "exp huge": {"exp": 10**300},
    "exp negative": {"exp": -1},
    "exp zero": {"exp": 0},
    "nbf boolean": {"nbf": True},
    "nbf float": {"nbf": 1.5},
    "nbf string": {"nbf": "1"},
    "nbf null": {"nbf": None},
    "nbf in the future": {"nbf": 4102444800},
    "iat boolean": {"iat": False},
    "iat float": {"iat": 1.5},
    "iat string": {"iat": "1"},
    "iat null": {"iat": None},
}


@pytest.mark.parametrize("members", HOSTILE_CLAIMS.values(), ids=HOSTILE_CLAIMS.keys())
def test_hostile_claim_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, members: Members
) -> None:
    assert code_of(access_tokens, forge(header, claims | members)) == "invalid_token"


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "scope"])
def test_token_without_a_claim_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, name: str
) -> None:
    del claims[name]
    assert code_of(access_tokens, forge(header, claims)) == "invalid_token"


HOSTILE_JSON: dict[str, bytes] = {
    "array": b"[]",
    "string": b'"at+jwt"',
    "number": b"1",
    "null": b"null",
    "true": b"true",
    "no json": b"{",
    "trailing text": b"{}x",
    "two objects": b"{}{}",
    "comment": b"{/**/}",
    "single quotes": b"{'a':1}",
    "nesting": b'{"a":' + b"[" * 2500,
    "closed nesting": b'{"a":' + b"[" * 1250 + b"]" * 1250 + b"}",
    "huge number": b'{"a":' + b"9" * 5000 + b"}",
    "no utf-8": b'{"a":"\xff"}',
    "overlong utf-8": b'{"a":"\xc0\xaf"}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "control character": b'{"a":"\n"}',
}


@pytest.mark.parametrize("part", HOSTILE_JSON.values(), ids=HOSTILE_JSON.keys())
def test_header_that_is_not_a_single_json_object_is_refused(
    access_tokens: AccessTokens, forge: Forge, claims: Members, part: bytes
) -> None:
    assert code_of(access_tokens, forge(part, claims)) == "invalid_token"


@pytest.mark.parametrize("part", HOSTILE_JSON.values(), ids=HOSTILE_JSON.keys())
def test_payload_that_is_not_a_single_json_object_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, part: bytes
) -> None:
    assert code_of(access_tokens, forge(header, part)) == "invalid_token"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b"{", b'{"sub":"usr_1",', 1),
        lambda text: text.replace(b"{", b'{"exp":1,', 1),
        lambda text: text.replace(b"{", b'{"\\u0073ub":"usr_2",', 1),
        lambda text: text.replace(b"{", b'{"x":{"a":1,"a":2},', 1),
        lambda text: text.replace(b"{", b'{"x":NaN,', 1),
        lambda text: text.replace(b"{", b'{"x":[Infinity],', 1),
        lambda text: text.replace(b"{", b'{"x":-Infinity,', 1),
    ],
    ids=["twice", "two exp", "escaped twice", "nested twice", "NaN", "Infinity", "-Infinity"],
)
def test_payload_that_parsers_read_differently_is_refused(
    access_tokens: AccessTokens,
    forge: Forge,
    header: Members,
    claims: Members,
    spoil: Callable[[bytes], bytes],
) -> None:
    assert code_of(access_tokens, forge(header, spoil(json.dumps(claims).encode()))) == "invalid_token"


def test_header_with_a_duplicate_member_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    text = json.dumps(header).encode().replace(b"{", b'{"alg":"none",', 1)
    assert code_of(access_tokens, forge(text, claims)) == "invalid_token"


# Other encodings of the bytes of a segment. Lengths that are not a multiple of three leave unused bits.


@pytest.mark.parametrize("segment", [0, 1, 2], ids=["header", "payload", "signature"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "=",
        lambda text: text + "==",
        lambda text: text + " ",
        lambda text: " " + text,
        lambda text: text + "\n",
        lambda text: text[:5] + "\n" + text[5:],
        lambda text: text[:5] + "*" + text[5:],
        lambda text: text[:5] + "%41" + text[5:],
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text + "AAAA",
        lambda text: "",
        lambda text: text[:5] + "\u0430" + text[5:],
        lambda text: text[:5] + "\uff21" + text[5:],
        lambda text: text[:5] + "\x00" + text[5:],
    ],
)
def test_segment_that_is_not_base64url_is_refused(
    access_tokens: AccessTokens,
    forge: Forge,
    header: Members,
    claims: Members,
    segment: int,
    spoil: Callable[[str], str],
) -> None:
    segments = forge(header, claims).split(".")
    segments[segment] = spoil(segments[segment])
    assert code_of(access_tokens, ".".join(segments)) == "invalid_token"


def padded_to_leave_bits(members: Members) -> bytes:
    text = json.dumps(members).encode()
    return text + b" " * ((1 - len(text)) % 3)  # one byte over: four unused bits


@pytest.mark.parametrize("segment", [0, 1, 2], ids=["header", "payload", "signature"])
def test_unused_bits_that_are_set_are_refused(
    access_tokens: AccessTokens,
    keys: SigningKeys,
    header: Members,
    claims: Members,
    segment: int,
) -> None:
    parts = [encode(padded_to_leave_bits(header)), encode(padded_to_leave_bits(claims))]
    if segment < 2:
        parts[segment] = with_unused_bits(parts[segment])
    signature = encode(keys.signer().signer.sign(".".join(parts).encode()))
    parts.append(with_unused_bits(signature) if segment == 2 else signature)
    assert code_of(access_tokens, ".".join(parts)) == "invalid_token"


def with_unused_bits(text: str) -> str:
    spoiled = text[:-1] + BASE64URL[BASE64URL.index(text[-1]) + 1]
    pad = "=" * (-len(text) % 4)
    assert base64.urlsafe_b64decode(spoiled + pad) == base64.urlsafe_b64decode(text + pad)
    return spoiled


def test_standard_alphabet_is_refused(
    access_tokens: AccessTokens, keys: SigningKeys, header: Members, claims: Members
) -> None:
    payload = json.dumps(claims | {"x": "\u00fb\u00ff\u00fe" * 4}, ensure_ascii=False).encode()
    parts = [encode(json.dumps(header).encode()), base64.b64encode(payload).rstrip(b"=").decode()]
    assert set(parts[1]) & set("+/")
    parts.append(encode(keys.signer().signer.sign(".".join(parts).encode())))
    assert code_of(access_tokens, ".".join(parts)) == "invalid_token"


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b.c", "null", "undefined", "Bearer x", "\x00", "\ud800", "😀.😀.😀"],
)
def test_text_that_is_not_a_token_is_refused(access_tokens: AccessTokens, token: str) -> None:
    assert code_of(access_tokens, token) == "invalid_token"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token + ".AAAA",
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", ".."),
        lambda token: token + "." + token,
        lambda token: token.replace(".", ""),
        lambda token: f"{token}.AAAA.AAAA",
    ],
)
def test_number_of_segments_other_than_three_is_refused(
    access_tokens: AccessTokens,
    forge: Forge,
    header: Members,
    claims: Members,
    spoil: Callable[[str], str],
) -> None:
    assert code_of(access_tokens, spoil(forge(header, claims))) == "invalid_token"


def test_token_over_8_kib_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    longest = forge(header, claims | {"x": "a" * 5700})
    assert access_tokens.verify(longest).user_id == "usr_1"
    longer = forge(header, claims | {"x": "a" * 6000})
    assert len(longest) < 8192 < len(longer)
    assert code_of(access_tokens, longer) == "invalid_token"


def test_huge_token_is_refused(access_tokens: AccessTokens) -> None:
    assert code_of(access_tokens, "A" * 50_000_000) == "invalid_token"
    assert code_of(access_tokens, "." * 50_000_000) == "invalid_token"


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 72, 96, 128])
def test_signature_that_is_not_64_bytes_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, length: int
) -> None:
    signing_input, _, signature = forge(header, claims).rpartition(".")
    resized = (base64.urlsafe_b64decode(signature + "==") * 2)[:length]
    assert code_of(access_tokens, f"{signing_input}.{encode(resized)}") == "invalid_token"


@pytest.mark.parametrize("signature", [b"\x00" * 64, b"\xff" * 64, b"\x00" * 63 + b"\x01"])
def test_psychic_signature_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, signature: bytes
) -> None:
    signing_input = forge(header, claims).rpartition(".")[0]
    assert code_of(access_tokens, f"{signing_input}.{encode(signature)}") == "invalid_token"


def test_token_of_an_unknown_key_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, stranger: Key
) -> None:
    assert code_of(access_tokens, forge(header, claims, stranger)) == "invalid_token"


def test_key_in_the_token_is_not_trusted(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, stranger: Key
) -> None:
    own_key = stranger.public_key().to_dict()
    assert code_of(access_tokens, forge(header | {"jwk": own_key}, claims, stranger)) == "invalid_token"


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
@pytest.mark.parametrize("form", ["pem", "der", "x", "jwk"])
def test_public_key_is_not_accepted_as_an_hmac_secret(
    access_tokens: AccessTokens,
    keys: SigningKeys,
    header: Members,
    claims: Members,
    algorithm: str,
    form: str,
) -> None:
    public = keys.signer().verifier
    pem: bytes = public.to_pem()
    secret = {
        "pem": pem,
        "der": base64.b64decode(b"".join(pem.splitlines()[1:-1])),
        "x": keys.signer().public_jwk["x"].encode(),
        "jwk": json.dumps(dict(keys.signer().public_jwk)).encode(),
    }[form]
    parts = [encode(json.dumps(part).encode()) for part in (header | {"alg": algorithm}, claims)]
    signature = hmac.new(secret, ".".join(parts).encode(), hashlib.sha512).digest()  # also 64 bytes
    assert code_of(access_tokens, ".".join([*parts, encode(signature)])) == "invalid_token"


def test_signature_of_another_token_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    other = forge(header, claims | {"scope": "admin"}).rpartition(".")[0]
    signature = forge(header, claims).rpartition(".")[2]
    assert code_of(access_tokens, f"{other}.{signature}") == "invalid_token"


@pytest.mark.parametrize("members", [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": []}])
def test_token_of_a_key_that_may_not_verify_is_refused(
    access_tokens: AccessTokens,
    keys: SigningKeys,
    forge: Forge,
    header: Members,
    claims: Members,
    write_key: Callable[..., str],
    members: Members,
) -> None:
    token = forge(header, claims)
    keys.rotate()
    write_key(header["kid"], **members)
    keys.refresh()
    assert code_of(access_tokens, token) == "invalid_token"


def test_token_of_a_dropped_key_is_refused(
    access_tokens: AccessTokens, keys: SigningKeys, forge: Forge, header: Members, clock: FakeClock
) -> None:
    dropped = keys.signer()
    keys.rotate()
    clock.advance(91 * 24 * 3600)
    now = int(clock())
    fresh = {"iss": "autoglm-gateway", "aud": "autoglm-gateway", "sub": "usr_1", "jti": "tok_1"}
    times = {"iat": now, "nbf": now, "exp": now + 900, "scope": "chat"}
    assert code_of(access_tokens, forge(header, fresh | times, dropped.signer)) == "invalid_token"


@pytest.mark.parametrize("seconds_ago", [30, 31, 10**6])
def test_expired_token_has_a_code_of_its_own(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, seconds_ago: int
) -> None:
    expired = forge(header, claims | {"exp": claims["iat"] - seconds_ago})
    assert code_of(access_tokens, expired) == "token_expired"


def test_forged_token_is_not_reported_as_expired(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, stranger: Key
) -> None:
    with pytest.raises(InvalidToken) as refusal:
        access_tokens.verify(forge(header, claims | {"exp": 1}, stranger))
    assert not isinstance(refusal.value, TokenExpired)


@pytest.mark.parametrize("members", [{"exp": -29}, {"nbf": 30}, {"exp": 1}], ids=["exp", "nbf", "alive"])
def test_clocks_may_be_30_seconds_apart(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, members: dict[str, int]
) -> None:
    moved = {name: claims["iat"] + seconds for name, seconds in members.items()}
    assert access_tokens.verify(forge(header, claims | moved)).user_id == "usr_1"


def test_token_from_31_seconds_ahead_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    ahead = claims | {"nbf": claims["iat"] + 31}
    assert code_of(access_tokens, forge(header, ahead)) == "invalid_token"


def test_issue_time_may_be_ahead_of_the_clock(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members
) -> None:
    """It orders the tokens and revocations of a user; `nbf` says when a token becomes valid."""
    ahead = forge(header, claims | {"iat": 4102444800})
    assert access_tokens.verify(ahead).issued_at == 4102444800


_FIXTURES_ARE_NOT_CHANGED = [HealthCheck.function_scoped_fixture]


@settings(max_examples=500, deadline=None, suppress_health_check=_FIXTURES_ARE_NOT_CHANGED)
@given(data=st.data())
def test_any_single_changed_character_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, data: st.DataObject
) -> None:
    token = forge(header, claims)
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from(BASE64URL + ".=+/ \n%") | st.characters())
    changed = token[:position] + character + token[position + 1 :]
    if changed != token:
        assert code_of(access_tokens, changed) == "invalid_token"


@settings(max_examples=300, deadline=None, suppress_health_check=_FIXTURES_ARE_NOT_CHANGED)
@given(data=st.data())
def test_any_inserted_or_removed_character_is_refused(
    access_tokens: AccessTokens, forge: Forge, header: Members, claims: Members, data: st.DataObject
) -> None:
    token = forge(header, claims)
    position = data.draw(st.integers(0, len(token) - 1))
    inserted = data.draw(st.sampled_from(BASE64URL + ".= "))
    assert code_of(access_tokens, token[:position] + inserted + token[position:]) == "invalid_token"
    assert code_of(access_tokens, token[:position] + token[position + 1 :]) == "invalid_token"


@settings(max_examples=300, deadline=None, suppress_health_check=_FIXTURES_ARE_NOT_CHANGED)
@given(text=st.text(max_size=300) | st.binary(max_size=300).map(lambda data: data.decode("latin-1")))
def test_arbitrary_text_is_refused(access_tokens: AccessTokens, text: str) -> None:
    assert code_of(access_tokens, text) == "invalid_token"


def test_parser_itself_refuses_size_and_segments(forge: Forge, header: Members, claims: Members) -> None:
    token = forge(header, claims)
    assert parse(token).key_id == header["kid"]
    for spoiled in (forge(header, claims | {"x": "a" * 8192}), f"{token}.AAAA", token.rpartition(".")[0]):
        with pytest.raises(InvalidToken):
            parse(spoiled)
