"""Clients that mean no good, each in a process of its own, so that the load does not wait for them.

Functions here are run by `Attack`; each sets `has_begun` when it runs, and continues until it is ended.
"""

import asyncio
import contextlib
import json
import multiprocessing
import socket
from collections.abc import Awaitable, Callable
from multiprocessing.synchronize import Event
from typing import Final

from benchmarks import bodies
from benchmarks.faults.responses import NotWhole, exchange, request
from testbed import hostile_media

CONNECTIONS: Final = 2  # of one attacker who sends files: what one user may have at once, as shipped
SLOW_CLIENTS: Final = 300
IDLE_CONNECTIONS: Final = 1_000
LEAVERS: Final = 24
DRIP_SECONDS: Final = 1.0
START_SECONDS: Final = 60.0

Attacker = Callable[[int, str, str, Event], Awaitable[None]]
"""Takes the port, a token of its own, what to send, and the event."""


class Attack:
    """`start` returns when it is under way."""

    def __init__(self, attacker: Attacker, what: str = "") -> None:
        self._attacker = attacker
        self._what = what
        self._process: multiprocessing.process.BaseProcess | None = None

    async def start(self, port: int, token: str) -> None:
        context = multiprocessing.get_context("spawn")
        has_begun = context.Event()
        arguments = (self._attacker, port, token, self._what, has_begun)
        self._process = context.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        if not await asyncio.to_thread(has_begun.wait, START_SECONDS):
            raise TimeoutError(f"the attack has not begun: {self._what}")

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.join)


def _run(attacker: Attacker, port: int, token: str, what: str, has_begun: Event) -> None:
    asyncio.run(attacker(port, token, what, has_begun))  # type: ignore[arg-type]  # an async function's


async def send_media(port: int, token: str, what: str, has_begun: Event) -> None:
    """One hostile file without pause."""
    images, recordings = hostile_media.HOSTILE_IMAGES, hostile_media.HOSTILE_RECORDINGS
    is_image = what in images
    content = (images[what] if is_image else recordings[what])()
    name = "image" if is_image else "audio"
    head = f'--BOUNDARY\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'
    prompt = '--BOUNDARY\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n'
    body = (prompt + head).encode() + content + b"\r\n--BOUNDARY--\r\n"
    path = "/vision" if is_image else "/speech"
    sent = request(path, token, body, "multipart/form-data; boundary=BOUNDARY")
    has_begun.set()
    await _for_ever(CONNECTIONS, lambda: _send(port, sent))


async def send_body(port: int, token: str, what: str, has_begun: Event) -> None:
    """One hostile body of `benchmarks/bodies.py` without pause."""
    (body,) = (body for body in bodies.bodies() if body.name == what)
    content = body.make()
    has_begun.set()
    await _for_ever(1, lambda: _send_body(port, token, body, content))


async def _send_body(port: int, token: str, body: bodies.Body, content: bytes) -> None:
    await bodies.send_all(port, token, body, content)


async def drip(port: int, token: str, what: str, has_begun: Event) -> None:
    """`what` is `heads` or `bodies`: slow clients send a byte of them a second. Cut off, they come back."""
    head = "POST /vision HTTP/1.1\r\nHost: localhost\r\n"
    whole = (
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"
    )
    beginning = (head + (whole if what == "bodies" else "X-Slow: ")).encode()
    connected = asyncio.Semaphore(0)

    async def drip_once() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connected.release()
        writer.write(beginning)
        while not reader.at_eof():
            writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRIP_SECONDS):
                    await reader.read(65_536)
        writer.close()
        await asyncio.sleep(DRIP_SECONDS)

    async def note_begin() -> None:
        for _ in range(SLOW_CLIENTS):
            await connected.acquire()
        has_begun.set()

    await asyncio.gather(_for_ever(SLOW_CLIENTS, drip_once), note_begin())


async def hold_connections(port: int, token: str, what: str, has_begun: Event) -> None:
    """Each requests `/healthz` once and stays connected."""
    held = []
    for _ in range(IDLE_CONNECTIONS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        held.append(writer)
    has_begun.set()
    await asyncio.Event().wait()


async def leave(port: int, token: str, what: str, has_begun: Event) -> None:
    """Begins streams and resets the connection after the first bytes, again and again."""
    sent = request("/chat", token, json.dumps({"prompt": "x", "stream": True, "max_tokens": 100}).encode())

    async def leave_once() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await reader.read(100)
        has_begun.set()
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        writer.close()

    await _for_ever(LEAVERS, leave_once)


async def _send(port: int, sent: bytes) -> None:
    with contextlib.suppress(NotWhole, ValueError):
        await exchange(port, sent)


async def _for_ever(count: int, work: Callable[[], Awaitable[None]]) -> None:
    async def go_on() -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await work()
            await asyncio.sleep(0.01)

    await asyncio.gather(*(go_on() for _ in range(count)))
