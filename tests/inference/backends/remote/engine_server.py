"""An engine over plain sockets that sends exactly the bytes that a test says, and sees when it is left."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

CRLF = b"\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
PATHS = ("/chat/completions", "/audio/transcriptions")
MODELS = {"data": [{"id": "canned", "max_model_len": 4096}]}

Behaviour = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request for a completion or a transcript. `is_left`: the client has closed the connection.

    `body` is that of JSON, `content` of anything.
    """

    body: dict[str, Any]
    content: bytes
    headers: dict[str, str]
    writer: asyncio.StreamWriter
    is_left: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def cut(self) -> None:
        """Ends the connection with a reset."""
        self.writer.transport.abort()


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class EngineServer:
    """`behave` responds to requests for completions and transcripts; `health` is the status of `/health`, and
    `models` the status and the body of the list of models.

    Checks get no response while `may_check` is not set. `received` has the address and the headers of every
    request.
    """

    url: str
    behave: Behaviour
    health: int = 200
    models: tuple[int, object] = (200, MODELS)
    exchanges: list[Exchange] = field(default_factory=list)
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    checks: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    may_check: asyncio.Event = field(default_factory=_set_event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_asked(self, times: int) -> None:
        """Waits until so many requests for completions and transcripts have arrived since the start."""
        while len(self.exchanges) < times:
            self._changed.clear()
            await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(2 * CRLF)
            first, *lines = head.decode().strip().split("\r\n")
            address = first.split(" ")[1]
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}
            self.received.append((address, headers))
            path = address.partition("?")[0]
            if not path.endswith(PATHS):
                self.checks.put_nowait(path)
                await self.may_check.wait()
                await self._respond(writer, *((self.health, {}) if path == "/health" else self.models))
                return
            content = await reader.readexactly(int(headers["content-length"]))
            is_json = headers["content-type"] == "application/json"
            exchange = Exchange(json.loads(content) if is_json else {}, content, headers, writer)
            self.exchanges.append(exchange)
            self._changed.set()
            watch = asyncio.create_task(self._watch(reader, exchange))
            try:
                await self.behave(exchange)
            finally:
                watch.cancel()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader, exchange: Exchange) -> None:
        with suppress(ConnectionError):
            await reader.read()
        exchange.is_left.set()

    async def _respond(self, writer: asyncio.StreamWriter, status: int, body: object) -> None:
        writer.write(response(status, body))
        await writer.drain()


def response(status: int, body: object, **headers: str) -> bytes:
    content = json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Canned",
        f"Content-Length: {len(content)}",
        "Content-Type: application/json",
        "Connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + 2 * CRLF + content


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def text_event(text: str, **members: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text, **members}}]})


ENDING = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}})
DONE = b"data: [DONE]\n\n"


def sends(*pieces: bytes) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.send(piece)

    return behave


async def hang(exchange: Exchange) -> None:
    await exchange.is_left.wait()


async def begin_and_hang(exchange: Exchange) -> None:
    await exchange.send(STREAM_HEAD + text_event("hello"))
    await exchange.is_left.wait()


async def cut_before_the_head(exchange: Exchange) -> None:
    exchange.cut()


whole = sends(STREAM_HEAD, text_event("hello"), text_event(" there"), ENDING, USAGE, DONE)


@asynccontextmanager
async def engine_server(behave: Behaviour = whole) -> AsyncIterator[EngineServer]:
    engine = EngineServer("", behave)
    server = await asyncio.start_server(engine.serve, "127.0.0.1", 0)
    engine.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield engine
    finally:
        engine.may_check.set()
        server.close()
