"""A TCP proxy on the loopback address that can be slow, or frozen: connected, and nothing passes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from testbed.servers import free_port


class Proxy:
    """`delay_seconds` is waited before each piece in either direction; `freeze` stops all until `thaw`."""

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self.delay_seconds = 0.0
        self._to_port = to_port
        self._flows = asyncio.Event()
        self._flows.set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(self._join(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, to_them = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(self._pass_on(reader, to_them), self._pass_on(theirs, writer))
        finally:
            writer.close()
            to_them.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                await self._flows.wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(piece)
                await writer.drain()
        writer.close()
