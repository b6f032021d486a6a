"""Which addresses networks contain, and how much of the internet."""

from ipaddress import ip_network

import pytest

from app.networks import covers_internet, is_in_networks, is_public, parse_networks, unmap_ipv4


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_addresses_are_matched_against_networks(address: str, is_in: bool) -> None:
    assert is_in_networks(address, parse_networks(("127.0.0.0/8", "::1/128"))) is is_in


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "localhost", "127.0.0.0/8", "::/0", "0.0.0.0/0"])
def test_each_loopback_address_includes_the_other(text: str) -> None:
    networks = parse_networks([text])
    assert is_in_networks("127.0.0.1", networks)
    assert is_in_networks("::1", networks)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "127.0.0.2", "fd00::/8"])
def test_other_networks_do_not_include_loopback(text: str) -> None:
    assert parse_networks([text]) == (ip_network(text),)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy", "", "10.0.0", "*"])
def test_text_that_is_not_a_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not appear to be|host bits"):
        parse_networks([text])


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("::1", "::1"),
        ("::not an address", "::not an address"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_mapped_ipv4_addresses_are_written_as_ipv4(address: str, shown: str) -> None:
    assert unmap_ipv4(address) == shown


@pytest.mark.parametrize(
    ("network", "public", "internet"),
    [
        ("0.0.0.0/0", True, True),
        ("128.0.0.0/1", True, True),
        ("::/0", True, True),
        ("2000::/3", True, True),
        ("8.0.0.0/8", True, False),
        ("203.0.113.7/32", True, False),
        ("2a00:1450::/32", True, False),
        ("10.0.0.0/8", False, False),
        ("172.31.231.64/26", False, False),
        ("100.64.0.0/10", False, False),
        ("127.0.0.0/8", False, False),
        ("fd00::/8", False, False),
        ("::1/128", False, False),
    ],
)
def test_network_is_public_or_covers_the_internet(network: str, public: bool, internet: bool) -> None:
    assert (is_public(ip_network(network)), covers_internet(ip_network(network))) == (public, internet)
