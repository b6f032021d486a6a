"""A gateway that fails as the test chooses, or returns the bytes that it received."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

CLOSE_SECONDS: Final = 5.0

Handler = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeGateway:
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


def response_of(body: bytes, content_type: str = "application/json", *more: str) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def respond_ok(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(response_of(b"{}"))


async def hang_up(request: Request, writer: asyncio.StreamWriter) -> None:
    """Accepts the request, then closes the connection."""
    writer.close()


async def say_nothing(request: Request, writer: asyncio.StreamWriter) -> None:
    """Waits until nginx gives up."""


@asynccontextmanager
async def fake_gateway(handle: Handler = respond_ok, port: int = 0) -> AsyncIterator[FakeGateway]:
    """Listens on a free port of loopback, and records each request before it responds."""
    gateway = FakeGateway()
    writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gateway.connections += 1
        task = asyncio.current_task()
        assert task is not None
        writers[task] = writer
        try:
            while (request := await _read(reader)) is not None:
                gateway.requests.append(request)
                await handle(request, writer)
                await writer.drain()
        except ConnectionError:
            pass  # nginx has closed the connection, which some tests intend
        finally:
            writer.close()
            del writers[task]

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    gateway.port = server.sockets[0].getsockname()[1]
    try:
        yield gateway
    finally:
        server.close()
        tasks = list(writers)
        for writer in writers.values():
            writer.close()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """None when the connection ends first."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request_line, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except asyncio.IncompleteReadError:
        return None
    return Request(method, target, headers, body)
