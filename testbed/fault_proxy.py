"""A TCP proxy on the loopback address with the faults of a network, of each direction on its own.

It runs in the event loop that serves it. All attributes may change at any time; those of a direction also
change the connections that are open.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from testbed.servers import free_port

PIECE_BYTES: Final = 65_536
PIECES_PER_SECOND: Final = 50  # of a direction with a bound of bytes per second
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: on, zero seconds


@dataclass(slots=True)
class Direction:
    """How bytes travel one way.

    `loses` is a dead path: what is sent vanishes, and so does the end of the connection. A connection that
    has lost bytes passes no more of them this way, whatever `loses` is later. After `freeze`, bytes and ends
    wait for `thaw`.
    """

    delay_seconds: float = 0.0  # before each piece
    bytes_per_second: float | None = None
    loses: bool = False
    _flows: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._flows.set()

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def wait(self) -> None:
        await self._flows.wait()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)


@dataclass(frozen=True, slots=True)
class Cut:
    """Ends a connection after that many bytes to the client: in order (FIN), or with a reset (RST).

    To the server it looks the same.
    """

    after_bytes: int
    reset: bool = False


class FaultProxy:
    """`cuts` are taken one per connection, in the order of arrival; once there are none left, nothing is cut.

    `to_port` is where new connections go. `accepted` counts connections.
    """

    def __init__(self, to_port: int, cuts: Iterable[Cut | None] = ()) -> None:
        self.port = free_port()
        self.to_port = to_port
        self.to_server = Direction()
        self.to_client = Direction()
        self.cuts: Iterator[Cut | None] = iter(cuts)
        self.accepted = 0
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        await self.accept()
        try:
            yield
        finally:
            self.refuse()
            running = [connection.abort() for connection in self._open]
            await asyncio.gather(*running, return_exceptions=True)

    async def accept(self) -> None:
        """Undo `refuse`."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def refuse(self) -> None:
        """Nothing listens any more. Open connections stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def freeze(self) -> None:
        """In both directions: connected, and nothing passes."""
        self.to_server.freeze()
        self.to_client.freeze()

    def thaw(self) -> None:
        self.to_server.thaw()
        self.to_client.thaw()

    def cut_all(self, *, reset: bool = False) -> None:
        """End all connections that are open."""
        for connection in self._open:
            connection.cut(reset=reset)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(self, reader, writer, next(self.cuts, None))
        self._open.add(connection)
        connection.task.add_done_callback(lambda _: self._open.discard(connection))


class _Connection:
    """One client's, and the one to the server that belongs to it."""

    def __init__(
        self,
        proxy: FaultProxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut: Cut | None,
    ) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writers = [writer]
        self._cut = cut
        self.task = asyncio.create_task(self._run(writer))

    def cut(self, *, reset: bool) -> None:
        for writer in self._writers:
            _close(writer, reset=reset)

    def abort(self) -> asyncio.Task[None]:
        for writer in self._writers:
            writer.transport.abort()
        self.task.cancel()
        return self.task

    async def _run(self, to_client: asyncio.StreamWriter) -> None:
        try:
            await self._join(to_client)
        except* OSError:
            self.cut(reset=True)
        except* _CutOff as cut_off:
            self.cut(reset=any(error.reset for error in cut_off.exceptions if isinstance(error, _CutOff)))
        finally:
            self.cut(reset=False)
            for writer in self._writers:
                with contextlib.suppress(OSError):
                    await writer.wait_closed()  # until all that was written is sent

    async def _join(self, to_client: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._proxy.to_port)
        self._writers.append(to_server)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass_on(self._reader, to_server, self._proxy.to_server))
            group.create_task(self._pass_on(from_server, to_client, self._proxy.to_client, self._cut))

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: Direction,
        cut: Cut | None = None,
    ) -> None:
        """Raises OSError when an end is gone, and `_CutOff`."""
        passed = 0
        lost = False
        while piece := await reader.read(_size(direction)):
            await direction.wait()
            lost = lost or direction.loses
            if lost:
                continue
            if cut is not None:
                piece = piece[: cut.after_bytes - passed]
            writer.write(piece)
            await writer.drain()
            passed += len(piece)
            if cut is not None and passed == cut.after_bytes:
                raise _CutOff(cut.reset)
            if direction.bytes_per_second is not None:
                await asyncio.sleep(len(piece) / direction.bytes_per_second)
        await direction.wait()
        if not (lost or direction.loses or writer.is_closing()):
            writer.write_eof()


def _size(direction: Direction) -> int:
    rate = direction.bytes_per_second
    return PIECE_BYTES if rate is None else max(1, round(rate / PIECES_PER_SECOND))


class _CutOff(Exception):
    """A connection has had the bytes of its `Cut`."""

    def __init__(self, reset: bool) -> None:
        super().__init__()
        self.reset = reset


def _close(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset and not writer.is_closing():
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.transport.abort()
    else:
        writer.close()
