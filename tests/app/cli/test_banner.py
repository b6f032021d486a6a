"""Addresses that can be opened, whatever was listened on."""

import pytest

from app.cli.banner import reachable_urls


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("192.168.1.7", "http://192.168.1.7:8000"),
        ("::1", "http://[::1]:8000"),
        ("localhost", "http://localhost:8000"),
    ],
)
def test_address_is_shown_as_it_is(host: str, url: str) -> None:
    assert reachable_urls(host, 8000) == [url]


@pytest.mark.parametrize(("host", "loopback"), [("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1")])
def test_wildcard_becomes_the_loopback_address_and_those_of_other_machines(host: str, loopback: str) -> None:
    first, *others = reachable_urls(host, 1)
    assert first == loopback
    for other in others:
        assert other not in (loopback, "http://0.0.0.0:1", "http://[::]:1")
