"""Each fault is what it is named after, as both ends of a connection see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from testbed.fault_proxy import Cut, FaultProxy
from testbed.servers import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
BODY = bytes(range(256)) * 40


class Peer:
    """A server that hands its connections to the test."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Ends] = asyncio.Queue()
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        writers = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await self.connections.put((reader, writer))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for writer in writers:
                writer.transport.abort()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    async with peer.serving():
        yield peer


@pytest.fixture
async def proxy(peer: Peer) -> AsyncIterator[FaultProxy]:
    proxy = FaultProxy(peer.port)
    async with proxy.serving():
        yield proxy


@pytest.fixture
async def connect(peer: Peer, proxy: FaultProxy) -> AsyncIterator["Connect"]:
    connect = Connect(peer, proxy)
    yield connect
    for _, writer in connect.clients:
        writer.transport.abort()


class Connect:
    def __init__(self, peer: Peer, proxy: FaultProxy) -> None:
        self.clients: list[Ends] = []
        self._peer = peer
        self._proxy = proxy

    async def __call__(self) -> tuple[Ends, Ends]:
        """The client's end and the server's."""
        client = await asyncio.open_connection("127.0.0.1", self._proxy.port)
        self.clients.append(client)
        return client, await self._peer.connections.get()


async def test_bytes_and_ends_pass_in_both_directions(connect: Connect) -> None:
    client, server = await connect()
    client[1].write(BODY)
    client[1].write_eof()
    assert await server[0].read() == BODY
    server[1].write(BODY[::-1])
    server[1].close()
    assert await client[0].read() == BODY[::-1]


@pytest.mark.parametrize("after_bytes", [1, 700, len(BODY)])
async def test_cut_in_order_after_that_many_bytes(
    connect: Connect, proxy: FaultProxy, after_bytes: int
) -> None:
    proxy.cuts = iter([Cut(after_bytes)])
    client, server = await connect()
    server[1].write(BODY)
    assert await client[0].read() == BODY[:after_bytes]
    assert await server[0].read() == b""
    client, server = await connect()  # none left
    server[1].write(BODY)
    server[1].close()
    assert await client[0].read() == BODY


async def test_cut_with_a_reset(connect: Connect, proxy: FaultProxy) -> None:
    proxy.cuts = iter([Cut(700, reset=True)])
    client, server = await connect()
    server[1].write(BODY)
    with pytest.raises(ConnectionResetError):
        await client[0].readexactly(701)
    with pytest.raises(ConnectionResetError):
        await server[0].readexactly(1)


@pytest.mark.parametrize("reset", [False, True])
async def test_all_open_connections_are_cut_at_once(connect: Connect, proxy: FaultProxy, reset: bool) -> None:
    pairs = [await connect(), await connect()]
    proxy.cut_all(reset=reset)
    for client, server in pairs:
        for reader, _ in (client, server):
            if reset:
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            else:
                assert await reader.read() == b""


async def test_refused_connections_are_accepted_again(connect: Connect, proxy: FaultProxy) -> None:
    client, server = await connect()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect()
    server[1].write(b"open connections stay")
    assert await client[0].read(100) == b"open connections stay"
    await proxy.accept()
    await connect()
    assert proxy.accepted == 2


async def test_dead_path_loses_bytes_and_ends_in_one_direction_only(
    connect: Connect, proxy: FaultProxy
) -> None:
    client, server = await connect()
    proxy.to_server.loses = True
    client[1].write(b"lost")
    server[1].write(b"arrives")
    assert await client[0].read(100) == b"arrives"
    proxy.to_server.loses = False
    client[1].write(b"what follows a gap never arrives")
    client[1].write_eof()
    other, other_server = await connect()
    other[1].write(b"new")
    assert await other_server[0].read(100) == b"new"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(server[0].read(), 0.05)


async def test_bytes_wait_while_frozen(connect: Connect, proxy: FaultProxy) -> None:
    client, server = await connect()
    proxy.freeze()
    client[1].write(b"up")
    client[1].write_eof()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(server[0].read(100), 0.05)
    proxy.thaw()
    assert await server[0].read() == b"up"


async def test_slow_direction_has_its_rate(connect: Connect, proxy: FaultProxy) -> None:
    proxy.to_client.bytes_per_second = 10_000
    client, server = await connect()
    loop = asyncio.get_running_loop()
    start = loop.time()
    server[1].write(BODY[:1_000])
    server[1].close()
    assert await client[0].read() == BODY[:1_000]
    assert loop.time() - start >= 0.08


async def test_connections_go_to_another_server(connect: Connect, proxy: FaultProxy) -> None:
    other = Peer()
    async with other.serving():
        proxy.to_port = other.port
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        server = await other.connections.get()
        server[1].write(b"other")
        assert await reader.read(5) == b"other"
        writer.transport.abort()


async def test_client_of_an_unreachable_server_is_reset(proxy: FaultProxy) -> None:
    proxy.to_port = free_port()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
