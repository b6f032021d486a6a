"""The HTTP client of the engines: httpx over aiohttp, and aiohttp alone for what is sent for each generation.

No proxy, certificate or password of the environment applies to it, and it keeps no cookies.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from inference.config import RemoteConfig

CONNECT_SECONDS: Final = 5.0
STALL_SECONDS: Final = 90.0  # without a byte, where the request has no deadline
KEEP_ALIVE_SECONDS: Final = 4.0  # less than the 5 of uvicorn, in which many engines run
MAX_HEADER_BYTES: Final = 64 * 1024  # each; services in front of engines send long ones
PIECE_BYTES: Final = 16 * 1024

# The transport passes some of aiohttp's own errors on, such as for a response that is not HTTP.
TRANSPORT_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)
_REASONS: Final[Mapping[type[BaseException], str]] = {
    ssl.SSLCertVerificationError: "its certificate is not trusted here (`ca_file`)",
    ssl.SSLError: "it does not speak TLS",
    socket.gaierror: "there is no host with that name",
    ConnectionRefusedError: "nothing listens there",
    ConnectionResetError: "it closed the connection",
    aiohttp.ServerDisconnectedError: "it closed the connection",
    TimeoutError: "it does not respond in time",
}


class EngineResponse:
    """The status of a response, and its body as it arrives. Whoever opened it closes it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status_code = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """Some bytes of the body; none at its end. Raises `TRANSPORT_ERRORS`."""
        try:
            return await self._response.content.read(PIECE_BYTES)
        except aiohttp.ServerTimeoutError as error:
            raise _stall(error) from error

    async def pieces(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def aclose(self) -> None:
        """The connection serves another request if the body was read to its end, and is closed if not."""
        await self._response.__aexit__(None, None, None)


class EngineClient(httpx.AsyncClient):
    """Made and closed by `Engines`, used in the event loop."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        verify: ssl.SSLContext | bool,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        super().__init__(
            transport=AiohttpTransport(verify=verify, client=session),
            timeout=httpx.Timeout(stall_seconds, connect=CONNECT_SECONDS, pool=None),
            trust_env=False,
            follow_redirects=False,
        )
        self._session = session
        self._stream_timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=stall_seconds)

    async def open_stream(self, url: str, headers: Mapping[str, str], content: bytes) -> EngineResponse:
        """A POST without httpx, whose models of a request and its URL take as long as all that aiohttp does.
        Raises `TRANSPORT_ERRORS`."""
        try:
            response = await self._session.post(
                url,
                headers=headers,
                data=content,
                timeout=self._stream_timeout,
                allow_redirects=False,
            )
        except aiohttp.ServerTimeoutError as error:
            raise _stall(error) from error
        return EngineResponse(response)


def make_client(config: RemoteConfig) -> EngineClient:
    """Called in the event loop. Raises OSError for a file of certificates that cannot be read."""
    verify: ssl.SSLContext | bool = False  # loading certificates takes long
    endpoints = (*config.endpoints, *config.transcribers)
    if any(endpoint.url.lower().startswith("https:") for endpoint in endpoints):
        verify = ssl.create_default_context(cafile=config.ca_file)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=verify)
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), max_field_size=MAX_HEADER_BYTES
    )
    return EngineClient(session, verify=verify)


def _stall(error: aiohttp.ServerTimeoutError) -> httpx.ReadTimeout:
    """aiohttp's time-outs are `TimeoutError`, too, which means here that a request's patience is over."""
    return httpx.ReadTimeout(str(error))


def is_unreachable(error: Exception) -> bool:
    """No connection was made. Other errors may come from one that the engine has just closed."""
    return any(isinstance(each, aiohttp.ClientConnectorError) for each in _causes(error))


def why_lost(error: Exception) -> str:
    """A phrase for the operator. The transport calls every error of a connection a time-out of connecting."""
    *outer, innermost = _causes(error)
    for each in (innermost, *outer):
        for kind, phrase in _REASONS.items():
            if isinstance(each, kind):
                return phrase
    return type(innermost).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error itself first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
