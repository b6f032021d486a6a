"""The connection between one of several processes and their supervisor: JSON, a message a line.

A process says that it serves, and what its metrics are; it may request the metrics of all. The end of the
connection is the end of the other side.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Final

import orjson

from app.ops.process_metrics import AllProcesses

MAX_MESSAGE_BYTES: Final = 64 * 1_048_576  # metrics of all processes
COLLECT_SECONDS: Final = 2.0  # longer than the supervisor waits for a process

Message = dict[str, Any]  # Any: what JSON holds


class MessageStream:
    """One end of the connection. `receive` returns None at its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> "MessageStream":
        return cls(*await asyncio.open_unix_connection(sock=end, limit=MAX_MESSAGE_BYTES))

    def send(self, message: Message) -> None:
        """Does nothing once the other side has ended."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))

    async def receive(self) -> Message | None:
        try:
            line = await self._reader.readline()
        except OSError:
            return None
        if not line.endswith(b"\n"):
            return None
        message: Message = orjson.loads(line)
        return message

    def close(self) -> None:
        self._writer.close()


class ProcessLink:
    """The side of a process. Set `expose` before it serves."""

    expose: Callable[[], str]

    def __init__(self, stream: MessageStream) -> None:
        self._stream = stream
        self._requests: dict[int, asyncio.Future[AllProcesses]] = {}
        self._requested = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, on_supervisor_ended: Callable[[], None]) -> None:
        """The callback is called once, if the supervisor ends first."""
        self._task = asyncio.create_task(self._run(on_supervisor_ended), name="process-link")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        self._stream.close()

    def report_serving(self) -> None:
        self._stream.send({"kind": "serving"})

    async def collect(self) -> AllProcesses:
        """The metrics of every process that responds. Raises `TimeoutError` if the supervisor does not."""
        self._requested += 1
        number, future = self._requested, asyncio.get_running_loop().create_future()
        self._requests[number] = future
        try:
            self._stream.send({"kind": "collect_all", "request": number})
            async with asyncio.timeout(COLLECT_SECONDS):
                collected: AllProcesses = await future
                return collected
        finally:
            del self._requests[number]

    async def _run(self, on_supervisor_ended: Callable[[], None]) -> None:
        while (message := await self._stream.receive()) is not None:
            if message["kind"] == "collect":
                metrics = self.expose()
                self._stream.send({"kind": "collected", "request": message["request"], "metrics": metrics})
            elif message["kind"] == "all_collected":
                future = self._requests.get(message["request"])
                with contextlib.suppress(asyncio.InvalidStateError):
                    if future is not None:
                        future.set_result(AllProcesses(message["metrics"], message["starts"]))
        on_supervisor_ended()
