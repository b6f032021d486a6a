"""Heads of requests that never end, over raw sockets; and that all others still work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.server.http_protocol import FREE_CHUNKS, MAX_HEAD_BYTES, MIN_CHUNK_BYTES, BoundedHTTPProtocol

pytestmark = pytest.mark.anyio

LINE = b"GET /a HTTP/1.1\r\n"
SECONDS = 10

Connect = Callable[..., Awaitable["Connection"]]


class HastyHTTPProtocol(BoundedHTTPProtocol):
    head_seconds = 0.05


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_response(self) -> bytes:
        """Status line and body of one response that has a length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return head.split(b"\r\n")[0] + b" " + await self.reader.readexactly(length)

    async def read_to_end(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.read()


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.url.path} {len(await request.body())}")


async def header(request: Request) -> PlainTextResponse:
    return PlainTextResponse(repr(request.headers.getlist("x")))


async def stream(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.sleep(0.3)  # longer than a hasty server waits for a head
        yield b"ended"

    return StreamingResponse(parts())


class Wire(asyncio.Transport):
    """Notes what a protocol has sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...

    def resume_reading(self) -> None: ...


async def test_complete_response_does_not_wait_for_the_rest_of_its_handler() -> None:
    wire = Wire()
    sent_at_end: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})
        sent_at_end.set_result(wire.sent)

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    protocol = BoundedHTTPProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(wire)
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert (await sent_at_end).endswith(b"whole\r\n0\r\n\r\n")
    protocol.connection_lost(None)


@asynccontextmanager
async def served(protocol: type[BoundedHTTPProtocol]) -> AsyncIterator[int]:
    """The port of a server that tells the path and the body's length."""
    routes = [
        Route("/stream", stream),
        Route("/header", header),
        Route("/{name}", echo, methods=["GET", "POST"]),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes), http=protocol, loop="none", lifespan="off", log_config=None, port=0
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.wait([serving], timeout=0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def connect(protocol: type[BoundedHTTPProtocol] = BoundedHTTPProtocol) -> Connection:
            port = await stack.enter_async_context(served(protocol))
            connection = Connection(*await asyncio.open_connection("127.0.0.1", port))
            stack.callback(connection.writer.close)
            return connection

        yield connect


def head_of(size: int) -> bytes:
    """A whole head of `size` bytes."""
    start = LINE + b"Host: x\r\nX-Long: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


async def test_largest_head_is_taken(connect: Connect) -> None:
    connection = await connect()
    await connection.send(head_of(MAX_HEAD_BYTES))
    assert await connection.read_response() == b"HTTP/1.1 200 OK /a 0"


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        head_of(MAX_HEAD_BYTES + 1),
        head_of(200_000),
        LINE + b"X: " + b"a" * MAX_HEAD_BYTES,
        b"GET /" + b"a" * MAX_HEAD_BYTES,
        LINE + b"a: b\r\n" * 20_000,
    ],
    ids=["one byte more", "whole", "endless header", "endless path", "endless headers"],
)
async def test_larger_head_is_refused_and_the_connection_closed(connect: Connect, head: bytes) -> None:
    connection = await connect()
    await connection.send(head)
    response = await connection.read_to_end()
    assert response.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"\r\nconnection: close\r\n" in response
    assert response.endswith(b"\r\n\r\nThe request line and headers may have 65536 bytes together.\n")


@pytest.mark.parametrize("written", [b"a b", b"  a b", b"a b  ", b"\ta b \t", b" \t a b \t "], ids=repr)
async def test_white_space_around_a_header_is_not_part_of_it(connect: Connect, written: bytes) -> None:
    connection = await connect()
    await connection.send(b"GET /header HTTP/1.1\r\nHost: x\r\nX:%b\r\nX: \t \r\n\r\n" % written)
    assert await connection.read_response() == b"HTTP/1.1 200 OK ['a b', '']"


async def test_head_that_arrives_in_pieces_is_counted_whole(connect: Connect) -> None:
    connection = await connect()
    await connection.send(LINE)
    for _ in range(MAX_HEAD_BYTES // 1024 + 1):
        await connection.send(b"X: " + b"a" * 1019 + b"\r\n")
    assert (await connection.read_to_end()).startswith(b"HTTP/1.1 431 ")


async def test_endless_trailers_end_the_connection(connect: Connect) -> None:
    connection = await connect()
    await connection.send(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    with contextlib.suppress(ConnectionError):
        await connection.send(b"X: " + b"a" * 2 * MAX_HEAD_BYTES)
        assert await connection.read_to_end() == b""


async def test_every_request_of_a_connection_has_the_bound_anew(connect: Connect) -> None:
    connection = await connect()
    for _ in range(3):
        await connection.send(head_of(40_000))
        assert await connection.read_response() == b"HTTP/1.1 200 OK /a 0"
    await connection.send(head_of(80_000))
    assert (await connection.read_response()).startswith(b"HTTP/1.1 431 ")


async def test_pipelined_requests_are_served_in_order(connect: Connect) -> None:
    connection = await connect()
    requests = (b"GET /%d HTTP/1.1\r\nX: %s\r\n\r\n" % (number, b"a" * 9_000) for number in range(20))
    await connection.send(b"".join(requests))
    for number in range(20):
        assert await connection.read_response() == b"HTTP/1.1 200 OK /%d 0" % number


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_bodies_are_not_counted(connect: Connect, is_chunked: bool) -> None:
    connection = await connect()
    if is_chunked:
        body = b"".join(b"1000\r\n" + b"a" * 4096 + b"\r\n" for _ in range(50)) + b"0\r\n\r\n"
        await connection.send(b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    else:
        await connection.send(b"POST /b HTTP/1.1\r\nContent-Length: 204800\r\n\r\n" + b"a" * 204_800)
    await connection.send(b"GET /next HTTP/1.1\r\n\r\n")
    assert await connection.read_response() == b"HTTP/1.1 200 OK /b 204800"
    assert await connection.read_response() == b"HTTP/1.1 200 OK /next 0"


@pytest.mark.parametrize(
    ("chunk_bytes", "chunks", "status"),
    [(1, FREE_CHUNKS, b"200"), (1, 2 * FREE_CHUNKS, b"400"), (MIN_CHUNK_BYTES, 10 * FREE_CHUNKS, b"200")],
)
async def test_bodies_of_very_many_tiny_chunks_are_refused(
    connect: Connect, chunk_bytes: int, chunks: int, status: bytes
) -> None:
    connection = await connect()
    await connection.send(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    await connection.send(b"%x\r\n%b\r\n" % (chunk_bytes, b"x" * chunk_bytes) * chunks)
    await connection.send(b"0\r\n\r\n")
    assert (await connection.read_response()).split()[1] == status


@pytest.mark.parametrize("sent", [b"", b"GE", LINE + b"X: a"], ids=["nothing", "method", "headers"])
async def test_head_that_does_not_arrive_in_time_ends_the_connection(connect: Connect, sent: bytes) -> None:
    connection = await connect(HastyHTTPProtocol)
    await connection.send(sent)
    assert await connection.read_to_end() == b""


async def test_second_head_that_does_not_arrive_in_time_ends_the_connection(connect: Connect) -> None:
    connection = await connect(HastyHTTPProtocol)
    await connection.send(LINE + b"\r\n")
    assert await connection.read_response() == b"HTTP/1.1 200 OK /a 0"
    await connection.send(b"\r\n")
    assert await connection.read_to_end() == b""


@pytest.mark.slow
async def test_response_is_not_cut_off_by_a_slow_head_after_it(connect: Connect) -> None:
    connection = await connect(HastyHTTPProtocol)
    await connection.send(b"GET /stream HTTP/1.1\r\n\r\nGET /late")
    assert (await connection.read_to_end()).endswith(b"5\r\nbegun\r\n5\r\nended\r\n0\r\n\r\n")


UPGRADES = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n",
]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("upgrade", UPGRADES, ids=["h2c", "websocket"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("is_split", [False, True], ids=["one segment", "two segments"])
async def test_body_of_a_request_that_offers_an_upgrade_is_read(
    connect: Connect, upgrade: bytes, is_chunked: bool, is_split: bool
) -> None:
    connection = await connect()
    length = len(SMUGGLED)
    framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % length
    head = b"POST /a HTTP/1.1\r\nHost: x\r\n" + upgrade + framing + b"\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (length, SMUGGLED) if is_chunked else SMUGGLED
    if is_split:
        await connection.send(head)
        await asyncio.sleep(0)
        await connection.send(body)
    else:
        await connection.send(head + body)
    await connection.send(b"GET /next HTTP/1.1\r\n\r\n")
    assert await connection.read_response() == b"HTTP/1.1 200 OK /a %d" % length
    assert await connection.read_response() == b"HTTP/1.1 200 OK /next 0"


@pytest.mark.parametrize("upgrade", UPGRADES, ids=["h2c", "websocket"])
async def test_many_requests_that_offer_an_upgrade_are_served_in_order(
    connect: Connect, upgrade: bytes
) -> None:
    connection = await connect()
    requests = [b"GET /%d HTTP/1.1\r\nHost: x\r\n%b\r\n" % (number, upgrade) for number in range(600)]
    await connection.send(b"".join(requests))
    for number in range(600):
        assert await connection.read_response() == b"HTTP/1.1 200 OK /%d 0" % number


async def test_connection_option_close_still_counts_beside_an_upgrade(connect: Connect) -> None:
    connection = await connect()
    await connection.send(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n")
    response = await connection.read_to_end()
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in response


async def test_connect_is_refused(connect: Connect) -> None:
    connection = await connect()
    await connection.send(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n" + SMUGGLED)
    response = await connection.read_to_end()
    assert response.startswith(b"HTTP/1.1 400 ")
    assert response.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("second", [b"CONNECT x:443 HTTP/1.1\r\n\r\n", b"no request\r\n\r\n"])
async def test_no_response_begins_inside_another(connect: Connect, second: bytes) -> None:
    connection = await connect()
    await connection.send(b"GET /stream HTTP/1.1\r\n\r\n")
    begun = await connection.reader.readuntil(b"begun\r\n")
    await connection.send(second)
    assert (begun + await connection.read_to_end()).count(b"HTTP/1.1 ") == 1
