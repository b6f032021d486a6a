"""The one-time link: who may read its file, when it expires, and that it works once."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.auth.sign_in_link import FRAGMENT, LIFETIME, SignInLink
from app.errors import InvalidSignInLink


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link(tmp_path: Path, clock: Clock) -> SignInLink:
    return SignInLink(tmp_path, clock=clock)


def secret_of(url: str) -> str:
    return url.partition(FRAGMENT)[2]


def test_only_the_owner_can_read_the_file(link):
    old_mask = os.umask(0)
    try:
        url = link.create("https://gateway.example.com/")
    finally:
        os.umask(old_mask)
    assert link.path.read_text() == f"{url}\n"
    assert url.startswith("https://gateway.example.com/ops#link=")
    assert stat.S_IMODE(link.path.stat().st_mode) == 0o600


def test_link_works_once(link):
    secret = secret_of(link.create("http://127.0.0.1:8000"))
    link.check(secret)
    link.use(secret)
    assert list(link.path.parent.iterdir()) == []
    with pytest.raises(InvalidSignInLink):
        link.use(secret)


def test_one_of_many_concurrent_uses_succeeds(link):
    secret = secret_of(link.create("http://127.0.0.1:8000"))

    def attempt(_: int) -> bool:
        try:
            link.use(secret)
        except InvalidSignInLink:
            return False
        return True

    with ThreadPoolExecutor(8) as executor:
        assert sum(executor.map(attempt, range(32))) == 1


def test_link_expires(link, clock):
    secret = secret_of(link.create("http://127.0.0.1:8000"))
    clock.now += LIFETIME.total_seconds() - 1
    link.check(secret)
    clock.now += 1
    with pytest.raises(InvalidSignInLink):
        link.use(secret)
    assert not link.path.exists()


def test_new_link_replaces_the_previous_one(link):
    first, second = (secret_of(link.create("http://127.0.0.1:8000")) for _ in range(2))
    with pytest.raises(InvalidSignInLink):
        link.use(first)
    link.use(second)


def test_link_replaced_while_it_is_checked_does_not_use_up_its_successor(tmp_path):
    successors: list[str] = []

    def replace_once() -> float:
        """The clock, which is read between the comparison and the claim."""
        if first and not successors:
            successors.append("")  # creating a link reads the clock too
            successors[0] = secret_of(link.create("http://127.0.0.1:8000"))
        return Clock.now

    first = ""
    link = SignInLink(tmp_path, clock=replace_once)
    first = secret_of(link.create("http://127.0.0.1:8000"))
    with pytest.raises(InvalidSignInLink):
        link.use(first)
    link.use(successors[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["", "0.", "9999999999.", "{expiry}.", "{secret}x", "{longer}", "ü"])
def test_other_secrets_are_refused(link, wrong):
    secret = secret_of(link.create("http://127.0.0.1:8000"))
    expiry, _, rest = secret.partition(".")
    tried = wrong.format(expiry=expiry, secret=secret, longer=f"{int(expiry) + 9}.{rest}")
    with pytest.raises(InvalidSignInLink):
        link.use(tried)
    link.use(secret)


def test_without_a_file_every_secret_is_refused(link):
    with pytest.raises(InvalidSignInLink):
        link.check("")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_link_created_by_root_belongs_to_the_owner_of_the_directory(link):
    os.chown(link.path.parent, 1234, 1234)
    link.create("http://127.0.0.1:8000")
    assert link.path.stat().st_uid == 1234


def test_link_is_not_prolonged_when_the_clock_is_set_back(link, clock):
    secret = secret_of(link.create("http://127.0.0.1:8000"))
    clock.now -= 3600
    with pytest.raises(InvalidSignInLink):
        link.check(secret)
    link.check(secret_of(link.create("http://127.0.0.1:8000")))


def test_link_has_expired_when_the_clock_is_set_ahead(link, clock):
    secret = secret_of(link.create("http://127.0.0.1:8000"))
    clock.now += 24 * 3600
    with pytest.raises(InvalidSignInLink):
        link.check(secret)
