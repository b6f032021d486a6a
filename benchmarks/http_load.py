"""A small HTTP/1.1 load generator: one process, raw protocol, so that it costs less than what it measures."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import cast

import uvloop


@dataclass(frozen=True, slots=True)
class Target:
    """One POST, the same every time."""

    host: str
    port: int
    path: str
    body: bytes
    token: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def request(self) -> bytes:
        authorization = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        others = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
            f"{authorization}{others}Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(slots=True)
class Load:
    """The result of a run. Times in seconds; `latencies` of responses, or gaps between events of streams."""

    seconds: float = 0.0
    responses: int = 0
    failures: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.responses / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class _Connection(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[bool] | None = None
        self._buffer = b""
        self._awaited = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's is registered as neither

    def ask(self, request: bytes) -> "asyncio.Future[bool]":
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._awaited < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            start = head.index(b"content-length:") + 15
            self._awaited = end + 4 + int(head[start:].split(b"\r\n", 1)[0])
        if len(self._buffer) >= self._awaited and self._answered is not None:
            is_success = self._buffer.startswith(b"HTTP/1.1 200")
            self._buffer, self._awaited = b"", -1
            self._answered.set_result(is_success)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(False)


async def _connect(target: Target) -> _Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, target.host, target.port)
    return connection


async def closed_loop(target: Target, connections: int, requests: int) -> Load:
    """`requests` in all; each connection sends the next one as soon as it has its response."""
    load, request, left = Load(), target.request(), requests

    async def ask_again(connection: _Connection) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            asked_at = time.perf_counter()
            if await connection.ask(request):
                load.responses += 1
            else:
                load.failures += 1
            load.latencies.append(time.perf_counter() - asked_at)

    opened = [await _connect(target) for _ in range(connections)]
    started_at = time.perf_counter()
    await asyncio.gather(*(ask_again(connection) for connection in opened))
    load.seconds = time.perf_counter() - started_at
    for connection in opened:
        connection.transport.close()
    return load


async def open_loop(target: Target, per_second: float, requests: int) -> Load:
    """Sends at a fixed rate, without waiting for responses; latency counts from the schedule."""
    load, request = Load(), target.request()
    idle = [await _connect(target) for _ in range(8)]

    async def send_at(due_at: float) -> None:
        connection = idle.pop() if idle else await _connect(target)
        if await connection.ask(request):
            load.responses += 1
        else:
            load.failures += 1
        load.latencies.append(time.perf_counter() - due_at)
        idle.append(connection)

    load.seconds = await _at_rate(per_second, requests, send_at)
    for connection in idle:
        connection.transport.close()
    return load


async def _at_rate(
    per_second: float, requests: int, send: Callable[[float], Coroutine[None, None, None]]
) -> float:
    """Calls `send` with the time at which each was due. Returns the seconds until all have ended."""
    started_at = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(requests):
            due_at = started_at + number / per_second
            await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
            group.create_task(send(due_at))
    return time.perf_counter() - started_at


async def first_events(target: Target, per_second: float, requests: int) -> Load:
    """Streams at a fixed rate, each on its own connection; `latencies` until the first event with text."""
    load, request = Load(), target.request()

    async def read_one(due_at: float) -> None:
        reader, writer = await asyncio.open_connection(target.host, target.port)
        writer.write(request)
        received = b""
        while b'"content":"word' not in received.replace(b": ", b":"):
            data = await reader.read(65536)
            if not data:
                load.failures += 1
                break
            received += data
        else:
            load.responses += 1
            load.latencies.append(time.perf_counter() - due_at)
        writer.close()
        await writer.wait_closed()

    load.seconds = await _at_rate(per_second, requests, read_one)
    return load


async def read_streams(target: Target, streams: int) -> Load:
    """All at once; `responses` are events, `latencies` the longest gap between two events of each stream."""
    load, request = Load(), target.request()

    async def read_one() -> None:
        reader, writer = await asyncio.open_connection(target.host, target.port)
        writer.write(request)
        last_at, longest, events, tail = 0.0, 0.0, 0, b""
        while data := await reader.read(65536):
            now = time.perf_counter()
            events += (tail + data).count(b"\ndata:") - tail.count(b"\ndata:")
            longest = max(longest, now - last_at) if last_at else 0.0
            last_at, tail = now, data[-8:]
            if b"event: done" in data:
                break
        else:
            load.failures += 1
        load.responses += events
        load.latencies.append(longest)
        writer.close()
        await writer.wait_closed()

    started_at = time.perf_counter()
    await asyncio.gather(*(read_one() for _ in range(streams)))
    load.seconds = time.perf_counter() - started_at
    return load


def run(load: Coroutine[object, object, Load]) -> Load:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load)
