"""The address that a request comes from, and whether it came directly."""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

# What proxies, load balancers and content delivery networks add to the requests of others.
_FORWARDING: Final = re.compile(
    r"forwarded|via|cdn-loop|(true-|fastly-)?client-ip|(x-forwarded|x-original|x-envoy|x-azure|x-appengine|x-proxy|cf)-.*"
    r"|x-forwarded|x-real-ip|x-(cluster-)?client-ip|x-remote-(ip|addr)"
)


def client_address(scope: Scope) -> str:
    """As the server gives it, which believes trusted proxies alone."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def is_direct(headers: Headers) -> bool:
    """Whether no header says that a proxy forwarded the request, so that its address is the client's."""
    return not any(map(_FORWARDING.fullmatch, headers))
