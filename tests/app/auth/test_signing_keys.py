"""Keys come from files that only their owner can read, rotate with overlap, and are reloaded when changed."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.auth.signing_keys import InvalidSigningKeys, SigningKeys, load_signing_keys, thumbprint
from app.clock_steps import STEP_AHEAD
from app.settings import Settings

from .conftest import OVERLAP, FakeClock

LoadKeys = Callable[..., SigningKeys]


def key_ids(keys: SigningKeys) -> list[str]:
    return [key.key_id for key in keys.verifying()]


def test_thumbprint_is_that_of_rfc_7638() -> None:
    # the P-256 key of RFC 7515, appendix A.3
    public = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "use": "sig",
    }
    assert thumbprint(public) == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


def test_only_the_owner_can_read_the_first_key(load_keys: LoadKeys, key_directory: Path) -> None:
    keys = load_keys(create=True)
    (path,) = key_directory.iterdir()
    assert path.name == f"{keys.signer().key_id}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_directory.stat().st_mode & 0o777 == 0o700


def test_second_start_uses_the_same_key(load_keys: LoadKeys) -> None:
    assert load_keys().signer().key_id == load_keys().signer().key_id


def assert_refused_in_one_sentence(load: Callable[[], object], *words: str) -> None:
    with pytest.raises(InvalidSigningKeys) as refusal:
        load()
    sentence = str(refusal.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert all(word in sentence for word in words)


def test_production_refuses_a_missing_directory(load_keys: LoadKeys, key_directory: Path) -> None:
    assert_refused_in_one_sentence(lambda: load_keys(create=False), str(key_directory), "keys rotate")
    assert not key_directory.exists()


def test_production_refuses_an_empty_directory(load_keys: LoadKeys, key_directory: Path) -> None:
    key_directory.mkdir(mode=0o700)
    assert_refused_in_one_sentence(lambda: load_keys(create=False), "no signing key", "keys rotate")


def test_world_readable_key_is_refused(load_keys: LoadKeys, key_directory: Path) -> None:
    load_keys()
    next(key_directory.iterdir()).chmod(0o644)
    assert_refused_in_one_sentence(lambda: load_keys(create=False), "read", "0600")


def test_world_writable_directory_is_refused(load_keys: LoadKeys, key_directory: Path) -> None:
    load_keys()
    key_directory.chmod(0o777)
    assert_refused_in_one_sentence(lambda: load_keys(create=False), "0700")


def test_path_that_is_a_file_is_refused(load_keys: LoadKeys, key_directory: Path) -> None:
    key_directory.touch()
    assert_refused_in_one_sentence(lambda: load_keys(create=True), str(key_directory))


@pytest.mark.parametrize(
    "members",
    [
        {"kid": "another"},
        {"crv": "P-384"},
        {"kty": "RSA"},
        {"alg": "HS256"},
        {"d": None},
        {"d": 5},
        {"x": "AAAA"},
        {"created_at": "soon"},
        {"key_ops": 7},
    ],
)
def test_file_without_a_usable_key_is_refused_without_quoting_it(
    load_keys: LoadKeys, write_key: Callable[..., str], key_directory: Path, members: dict[str, object]
) -> None:
    load_keys()
    secret = json.loads(next(key_directory.iterdir()).read_bytes())["d"]
    write_key(**members)
    with pytest.raises(InvalidSigningKeys) as refusal:
        load_keys(create=False)
    assert secret not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_key_in_a_file_not_named_by_its_thumbprint_is_refused(
    load_keys: LoadKeys, write_key: Callable[..., str], key_directory: Path
) -> None:
    load_keys()
    write_key(kid="mine")
    next(key_directory.iterdir()).rename(key_directory / "mine.json")
    assert_refused_in_one_sentence(lambda: load_keys(create=False), "JWK")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000])
def test_file_that_is_not_a_json_object_is_refused(
    load_keys: LoadKeys, key_directory: Path, content: bytes
) -> None:
    load_keys()
    next(key_directory.iterdir()).write_bytes(content)
    assert_refused_in_one_sentence(lambda: load_keys(create=False), "JWK")


def test_key_for_encryption_only_neither_signs_nor_verifies(
    load_keys: LoadKeys, write_key: Callable[..., str]
) -> None:
    load_keys()
    write_key(use="enc")
    assert_refused_in_one_sentence(lambda: load_keys(create=False), "may sign")


def test_key_that_may_only_verify_is_not_signed_with(
    keys: SigningKeys, load_keys: LoadKeys, write_key: Callable[..., str]
) -> None:
    old, new = keys.signer().key_id, keys.rotate()
    write_key(new, key_ops=["verify"])
    reloaded = load_keys(create=False)
    assert reloaded.signer().key_id == old
    assert key_ids(reloaded) == [old, new]


def test_key_that_may_only_sign_verifies_nothing(
    keys: SigningKeys, load_keys: LoadKeys, write_key: Callable[..., str]
) -> None:
    old, new = keys.signer().key_id, keys.rotate()
    write_key(new, key_ops=["sign"])
    reloaded = load_keys(create=False)
    assert reloaded.find(new) is None
    assert key_ids(reloaded) == [old]


def test_settings_make_a_key_in_development_only(tmp_path: Path) -> None:
    development = Settings(data_dir=tmp_path, _env_file=None)
    made = load_signing_keys(development).signer().key_id
    production = development.model_copy(
        update={
            "env": "production",
            "auth": development.auth.model_copy(update={"keys_dir": tmp_path / "no"}),
        }
    )
    with pytest.raises(InvalidSigningKeys):
        load_signing_keys(production)
    assert (tmp_path / "keys" / f"{made}.json").exists()


def test_rotated_key_signs_and_the_previous_one_still_verifies(keys: SigningKeys, clock: FakeClock) -> None:
    old = keys.signer().key_id
    clock.advance(100)
    new = keys.rotate()
    assert keys.signer().key_id == new != old
    assert key_ids(keys) == [old, new]


def test_new_key_is_published_at_once_but_signs_after_the_delay(
    load_keys: LoadKeys, clock: FakeClock
) -> None:
    keys = load_keys(signing_delay=timedelta(seconds=2))
    old = keys.signer().key_id
    clock.advance(100)
    new = keys.rotate()
    assert keys.signer().key_id == old
    assert [key["kid"] for key in keys.jwks()["keys"]] == [old, new]
    clock.advance(2)
    assert keys.signer().key_id == new


def test_previous_key_is_dropped_when_all_its_tokens_have_expired(
    keys: SigningKeys, key_directory: Path, clock: FakeClock
) -> None:
    old = keys.signer().key_id
    clock.advance(100)
    new = keys.rotate()
    clock.advance(OVERLAP.total_seconds() - 1)
    assert keys.find(old) is not None
    clock.advance(1)
    assert keys.find(old) is None
    assert [key["kid"] for key in keys.jwks()["keys"]] == [new]
    newest = keys.rotate()
    assert {path.stem for path in key_directory.iterdir()} == {old, new, newest}, "a clock may be ahead"
    clock.advance(STEP_AHEAD.total_seconds())
    last = keys.rotate()
    assert {path.stem for path in key_directory.iterdir()} == {new, newest, last}


@pytest.mark.parametrize("step", [-3600, 24 * 3600, -24 * 3600])
def test_a_key_signs_and_each_verifies_what_it_signed_whatever_the_clock_does(
    load_keys: LoadKeys, clock: FakeClock, step: int
) -> None:
    keys = load_keys(signing_delay=timedelta(seconds=2))
    signed_with = [keys.signer().key_id]
    clock.advance(step)
    signed_with.append(keys.signer().key_id)
    keys.rotate()
    signed_with.append(keys.signer().key_id)
    clock.advance(10)
    signed_with.append(keys.signer().key_id)
    clock.advance(-step)
    signed_with.append(load_keys(signing_delay=timedelta(seconds=2)).signer().key_id)
    assert all(keys.find(key_id) for key_id in signed_with)


def test_overlap_begins_when_the_next_key_signs_and_not_before(load_keys: LoadKeys, clock: FakeClock) -> None:
    keys = load_keys(signing_delay=timedelta(hours=1))
    old = keys.signer().key_id
    keys.rotate()
    clock.advance(OVERLAP.total_seconds() + 3600)
    assert keys.find(old) is not None
    clock.advance(1)  # so that `created_at` differs
    assert keys.find(old) is None


def test_two_rotations_within_a_second_keep_their_order(keys: SigningKeys, clock: FakeClock) -> None:
    keys.rotate()
    second = keys.rotate()
    clock.advance(2)
    assert keys.signer().key_id == second


def test_running_process_finds_a_key_that_another_wrote(keys: SigningKeys, load_keys: LoadKeys) -> None:
    new = load_keys().rotate()
    assert keys.find(new) is None
    keys.refresh()
    assert keys.find(new) is not None
    assert keys.generation == 1


def test_refresh_without_a_change_reads_nothing_again(keys: SigningKeys) -> None:
    keys.refresh()
    assert keys.generation == 0


def test_removed_key_no_longer_verifies(keys: SigningKeys, key_directory: Path) -> None:
    old = keys.signer().key_id
    keys.rotate()
    (key_directory / f"{old}.json").unlink()
    keys.refresh()
    assert keys.find(old) is None


def test_unreadable_change_keeps_the_previous_keys_and_is_logged_once(
    keys: SigningKeys, key_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (key_directory / "broken.json").touch(mode=0o600)
    with caplog.at_level(logging.ERROR):
        keys.refresh()
        keys.refresh()
    assert len(caplog.records) == 1
    assert keys.signer().can_sign
    (key_directory / "broken.json").unlink()
    keys.refresh()
    assert len(caplog.records) == 1


def test_published_keys_have_only_public_members(keys: SigningKeys) -> None:
    (published,) = keys.jwks()["keys"]
    assert published.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (published["use"], published["alg"]) == ("sig", "ES256")


def test_repr_of_a_key_does_not_show_its_secret(keys: SigningKeys, key_directory: Path) -> None:
    secret = json.loads(next(key_directory.iterdir()).read_bytes())["d"]
    assert secret not in repr(keys.signer())
