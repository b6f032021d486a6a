"""Minted tokens verify, and a cached verification has the result of an uncached one."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from jose import jwt

from app.auth.access_tokens import AccessTokens
from app.auth.principal import Principal
from app.auth.signing_keys import SigningKeys
from app.errors import InvalidToken, TokenExpired, TokenRevoked
from app.settings import AuthSettings

from .conftest import FakeClock, KnownRevocations

QUARTER = timedelta(minutes=15)


def test_verified_token_returns_its_principal(access_tokens: AccessTokens, clock: FakeClock) -> None:
    minted = access_tokens.mint("usr_1", ["vision", "chat"], QUARTER, family_id="fam_1")
    assert access_tokens.verify(minted.encoded) == Principal(
        user_id="usr_1",
        scopes=frozenset({"chat", "vision"}),
        token_id=minted.token_id,
        issued_at=int(clock()),
        expires_at=int(clock()) + 900,
        family_id="fam_1",
        not_before=int(clock()) - 3600,
    )


def test_minted_token_has_the_documented_header_and_claims(
    access_tokens: AccessTokens, keys: SigningKeys
) -> None:
    minted = access_tokens.mint("usr_1", ["chat"], QUARTER)
    assert jwt.get_unverified_header(minted.encoded) == {
        "alg": "ES256",
        "kid": keys.signer().key_id,
        "typ": "at+jwt",
    }
    assert jwt.get_unverified_claims(minted.encoded) == {
        "iss": "autoglm-gateway",
        "aud": "autoglm-gateway",
        "sub": "usr_1",
        "jti": minted.token_id,
        "iat": minted.issued_at,
        "nbf": minted.issued_at - 3600,
        "exp": minted.issued_at + 900,
        "scope": "chat",
    }


def test_two_tokens_of_one_second_have_different_ids(access_tokens: AccessTokens) -> None:
    ids = {access_tokens.mint("usr_1", ["chat"], QUARTER).token_id for _ in range(100)}
    assert len(ids) == 100


def test_cached_verification_equals_the_first(access_tokens: AccessTokens) -> None:
    encoded = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded
    first = access_tokens.verify(encoded)
    assert access_tokens.verify(encoded) == access_tokens.verify_cached(encoded) == first


def test_token_that_was_not_verified_is_not_cached(access_tokens: AccessTokens) -> None:
    assert access_tokens.verify_cached(access_tokens.mint("usr_1", ["chat"], QUARTER).encoded) is None


def test_refused_token_is_not_cached(access_tokens: AccessTokens) -> None:
    encoded = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded[:-4] + "AAAA"
    with pytest.raises(InvalidToken):
        access_tokens.verify(encoded)
    assert access_tokens.verify_cached(encoded) is None


@pytest.mark.parametrize("is_cached", [True, False])
def test_token_is_valid_until_the_end_of_the_leeway(
    access_tokens: AccessTokens, clock: FakeClock, is_cached: bool
) -> None:
    encoded = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded
    if is_cached:
        access_tokens.verify(encoded)
    clock.advance(929.9)
    if is_cached:
        access_tokens.verify(encoded)
    clock.advance(0.1)
    with pytest.raises(TokenExpired):
        access_tokens.verify(encoded)
    with pytest.raises(TokenExpired):
        access_tokens.verify(encoded)


@pytest.mark.parametrize("is_cached", [True, False])
def test_revoked_token_is_refused_at_once(
    access_tokens: AccessTokens, revocations: KnownRevocations, is_cached: bool
) -> None:
    minted = access_tokens.mint("usr_1", ["chat"], QUARTER)
    if is_cached:
        access_tokens.verify(minted.encoded)
    revocations.token_ids.add(minted.token_id)
    for _ in range(2):
        with pytest.raises(TokenRevoked):
            access_tokens.verify(minted.encoded)


def test_cached_token_is_refused_when_its_key_is_removed(
    access_tokens: AccessTokens, keys: SigningKeys, key_directory: Path
) -> None:
    old = keys.signer().key_id
    encoded = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded
    access_tokens.verify(encoded)
    keys.rotate()
    (key_directory / f"{old}.json").unlink()
    keys.refresh()
    with pytest.raises(InvalidToken):
        access_tokens.verify(encoded)


def test_token_signed_before_a_rotation_still_verifies(
    access_tokens: AccessTokens, keys: SigningKeys, clock: FakeClock
) -> None:
    before = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded
    clock.advance(10)
    keys.rotate()
    after = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded
    assert access_tokens.verify(before).user_id == access_tokens.verify(after).user_id
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]


def test_least_recently_used_token_leaves_a_full_cache(
    keys: SigningKeys, revocations: KnownRevocations, settings: AuthSettings, clock: FakeClock
) -> None:
    access_tokens = AccessTokens(keys, revocations, settings, clock=clock, cache_size=2)
    first, second, third = (access_tokens.mint("usr_1", ["chat"], QUARTER).encoded for _ in range(3))
    for encoded in (first, second, first, third):
        access_tokens.verify(encoded)
    recalled = [access_tokens.verify_cached(encoded) is not None for encoded in (first, second, third)]
    assert recalled == [True, False, True]


def test_token_of_another_issuer_with_our_key_is_refused(
    keys: SigningKeys,
    revocations: KnownRevocations,
    settings: AuthSettings,
    access_tokens: AccessTokens,
) -> None:
    other = AccessTokens(keys, revocations, settings.model_copy(update={"audience": "another"}))
    with pytest.raises(InvalidToken):
        access_tokens.verify(other.mint("usr_1", ["chat"], QUARTER).encoded)


def test_tokens_of_another_gateway_are_refused(
    access_tokens: AccessTokens,
    revocations: KnownRevocations,
    settings: AuthSettings,
    tmp_path: Path,
    load_keys: Callable[..., SigningKeys],
) -> None:
    other = AccessTokens(load_keys(tmp_path / "other"), revocations, settings)
    with pytest.raises(InvalidToken):
        access_tokens.verify(other.mint("usr_1", ["chat"], QUARTER).encoded)


@pytest.mark.parametrize("is_cached", [True, False])
def test_token_is_accepted_after_the_clock_was_set_back_by_an_hour_but_not_by_more(
    access_tokens: AccessTokens, clock: FakeClock, is_cached: bool
) -> None:
    encoded = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded
    if is_cached:
        access_tokens.verify(encoded)
    clock.advance(-3600)
    assert access_tokens.verify(encoded).user_id == "usr_1"
    clock.advance(-31)
    with pytest.raises(InvalidToken):
        access_tokens.verify(encoded)
    assert access_tokens.verify(access_tokens.mint("usr_1", ["chat"], QUARTER).encoded).user_id == "usr_1"


def test_token_that_expired_by_a_clock_that_was_ahead_is_valid_again(
    access_tokens: AccessTokens, clock: FakeClock
) -> None:
    encoded = access_tokens.mint("usr_1", ["chat"], QUARTER).encoded
    access_tokens.verify(encoded)
    clock.advance(24 * 3600)
    with pytest.raises(TokenExpired):
        access_tokens.verify(encoded)
    clock.advance(-24 * 3600)
    assert access_tokens.verify(encoded).user_id == "usr_1"


def test_later_issue_time_does_not_change_when_the_token_is_valid(
    access_tokens: AccessTokens, clock: FakeClock
) -> None:
    now = int(clock())
    minted = access_tokens.mint("usr_1", ["chat"], QUARTER, not_issued_before=now + 24 * 3600)
    assert (minted.issued_at, minted.expires_in) == (now + 24 * 3600, 900)
    assert access_tokens.verify(minted.encoded).issued_at == now + 24 * 3600
    clock.advance(930)
    with pytest.raises(TokenExpired):
        access_tokens.verify(minted.encoded)


def test_identified_token_need_not_be_valid_now_but_must_be_ours(
    access_tokens: AccessTokens, keys: SigningKeys, clock: FakeClock
) -> None:
    minted = access_tokens.mint("usr_1", ["chat"], QUARTER)
    keys.rotate()
    for step in (24 * 3600, -2 * 24 * 3600, 200 * 24 * 3600):
        clock.advance(step)
        assert access_tokens.identify(minted.encoded).token_id == minted.token_id
    with pytest.raises(InvalidToken):
        access_tokens.identify(minted.encoded[:-4] + "AAAA")
