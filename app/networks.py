"""Networks as settings name them: which addresses they contain, and how much of the internet.

The two loopback addresses are one machine: a proxy that connects to `localhost` may use either.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

LOCALHOST: Final = "localhost"
LOOPBACK: Final = (ip_network("127.0.0.1"), ip_network("::1"))
# The longest prefixes that count as the internet: no single organisation has networks as large.
_INTERNET_PREFIX_BITS: Final = {4: 7, 6: 15}
_PRIVATE: Final = (
    *map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")),
    *map(ip_network, ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10")),
)


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parse addresses, networks and `localhost`. One that contains a loopback address adds the other.

    Raises ValueError, whose message quotes the text.
    """
    found: list[Network] = []
    for text in texts:
        found += LOOPBACK if text == LOCALHOST else [ip_network(text)]
    if any(ours.overlaps(network) for network in found for ours in LOOPBACK):
        found += LOOPBACK
    return tuple(dict.fromkeys(found))


def unmap_ipv4(address: str) -> str:
    """Return `192.0.2.1` for `::ffff:192.0.2.1`, the form that a socket for both protocols reports."""
    if not address.startswith("::"):
        return address
    try:
        mapped = IPv6Address(address).ipv4_mapped
    except ValueError:
        return address
    return address if mapped is None else str(mapped)


def is_in_networks(address: str, networks: Iterable[Network]) -> bool:
    """False for text that is not an address: a client on a Unix socket has none."""
    try:
        parsed = ip_address(unmap_ipv4(address))
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def covers_internet(network: Network) -> bool:
    """Whether it is `0.0.0.0/0`, `::/0` or a large part of them."""
    return is_public(network) and network.prefixlen <= _INTERNET_PREFIX_BITS[network.version]


def is_public(network: Network) -> bool:
    """Whether it contains public addresses."""
    return not any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]  # the same
        for private in _PRIVATE
    )
