"""What the settings open to more people than an operator may think of. One sentence each."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from app.networks import covers_internet, is_public, parse_networks
from app.settings import Settings

_EVERY_PROXY_IS_TRUSTED: Final = (
    "every client is trusted as a proxy: it can claim any address, and so evade limits per address; set "
    "GATEWAY_FORWARDED_ALLOW_IPS to your proxy's"
)
_METRICS_ARE_PUBLIC: Final = (
    "every address may read /metrics without a token; set GATEWAY_METRICS_NETWORKS to the addresses of "
    "Prometheus"
)
_METRICS_FOR_PUBLIC_ADDRESSES: Final = (
    "GATEWAY_METRICS_NETWORKS has public addresses, which read /metrics without a token; give Prometheus a "
    "token with scope ops instead"
)
_EVERY_PAGE_CALLS: Final = (
    "web pages of every origin may call the gateway with a token that they have; set GATEWAY_CORS_ORIGINS to "
    "those of your apps"
)


class Exposure(NamedTuple):
    part: Literal["proxies", "metrics", "web pages"]
    sentence: str


def exposures(settings: Settings) -> Iterator[Exposure]:
    proxies = settings.trusted_proxies
    if isinstance(proxies, str) or any(map(covers_internet, parse_networks(proxies))):
        yield Exposure("proxies", _EVERY_PROXY_IS_TRUSTED)
    networks = settings.parsed_metrics_networks
    if any(map(covers_internet, networks)):
        yield Exposure("metrics", _METRICS_ARE_PUBLIC)
    elif any(map(is_public, networks)):
        yield Exposure("metrics", _METRICS_FOR_PUBLIC_ADDRESSES)
    if settings.allows_every_origin:
        yield Exposure("web pages", _EVERY_PAGE_CALLS)
