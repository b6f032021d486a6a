"""uvicorn's internals are as the adapter expects them; this fails when a new version changes them."""

import asyncio

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.server.http_protocol import BoundedHTTPProtocol
from app.server.uvicorn_adapter import UvicornProtocol, connections_of, listeners_of, status_line

pytestmark = pytest.mark.anyio


def test_status_line_ends_with_a_line_end() -> None:
    assert status_line(431) == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"


@pytest.mark.parametrize(
    "name",
    [
        "connection_made",
        "connection_lost",
        "data_received",
        "on_header",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
    ],
)
def test_methods_that_are_extended_are_called_by_uvicorn(name: str) -> None:
    assert name in vars(BoundedHTTPProtocol) | vars(UvicornProtocol)
    assert name in vars(HttpToolsProtocol)


async def test_connection_says_how_far_its_request_is() -> None:
    states: list[tuple[bool, bool, bool]] = []

    def note() -> None:
        (connection,) = connections_of(server)
        assert isinstance(connection, UvicornProtocol)
        states.append(
            (connection.has_received_request, connection.has_started_response, connection.is_responding)
        )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        note()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        note()
        await send({"type": "http.response.body", "body": b"a"})
        note()

    config = uvicorn.Config(app, http=UvicornProtocol, loop="none", lifespan="off", log_config=None, port=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.wait([serving], timeout=0.01)
    (listener,) = listeners_of(server)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    while not connections_of(server):  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
    note()
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    server.should_exit = True
    await serving
    assert states == [
        (False, False, False),
        (True, False, True),
        (True, True, True),
        (True, True, False),
    ]
