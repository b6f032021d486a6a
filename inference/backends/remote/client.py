"""The HTTP client of the engines: httpx over aiohttp, which forwards several times as many requests a second.

No proxy, certificate or password of the environment applies to it, and it keeps no cookies.
"""

import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from inference.config import RemoteConfig

CONNECT_SECONDS: Final = 5.0
STALL_SECONDS: Final = 90.0  # without a byte, where the request has no deadline
KEEP_ALIVE_SECONDS: Final = 4.0  # less than the 5 of uvicorn, in which many engines run

# The transport passes some of aiohttp's own errors on, such as for a response that is not HTTP.
TRANSPORT_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)


class EngineClient(httpx.AsyncClient):
    """Made and closed by `Engines`, used in the event loop."""

    def __init__(self, transport: AiohttpTransport, timeout: httpx.Timeout) -> None:
        super().__init__(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False)
        self._straight = transport
        self._extensions = {"timeout": timeout.as_dict()}

    async def open_stream(self, url: str, headers: Mapping[str, str], content: bytes) -> httpx.Response:
        """A POST straight through the transport. Cookies, redirects and authentication, which engines do not
        have, take the client as long as all the rest. Raises `TRANSPORT_ERRORS`."""
        request = httpx.Request("POST", url, headers=headers, content=content, extensions=self._extensions)
        response = await self._straight.handle_async_request(request)
        response.request = request
        return response


def make_client(config: RemoteConfig) -> EngineClient:
    """Called in the event loop. Raises OSError for a file of certificates that cannot be read."""
    verify: ssl.SSLContext | bool = False  # loading certificates takes long
    endpoints = (*config.endpoints, *config.transcribers)
    if any(endpoint.url.lower().startswith("https:") for endpoint in endpoints):
        verify = ssl.create_default_context(cafile=config.ca_file)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=verify)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    timeout = httpx.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS, pool=None)
    transport = AiohttpTransport(verify=verify, client=session)
    return EngineClient(transport, timeout)


def is_unreachable(error: Exception) -> bool:
    """No connection was made. Other errors may come from one that the engine has just closed."""
    return isinstance(error, httpx.ConnectError | aiohttp.ClientConnectorError)
