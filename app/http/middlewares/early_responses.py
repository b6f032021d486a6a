"""Answers that come before the body was read: drop a bounded rest of it, then close the connection.

A client that is still sending when the connection closes may see a reset instead of the answer, and
one whose whole upload is swallowed costs bandwidth for nothing. So the answer goes out at once, at most
`MAX_READ_BYTES` of the body are ever read, and a client that has more to send gets `LINGER_SECONDS` to
read the answer before the connection closes.
"""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_READ_BYTES: Final = 256 * 1024
LARGEST_READ_BYTES: Final = 256_000  # what uvloop may hand over at once
SMALL_BODY_BYTES: Final = 16 * 1024
MAX_DRAIN_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 0.2


class EarlyResponsesMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_be_large(scope):
            await self.app(scope, receive, send)
            return
        body = _Body(receive)

        async def send_then_drain(message: Message) -> None:
            if body.is_complete:
                await send(message)
                return
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
                await send(message)
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                if not (_waits_for_continue(scope) and body.received_bytes == 0):
                    await body.drain()
                await send({"type": "http.response.body", "body": b""})

        await self.app(scope, body.receive, send_then_drain)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.received_bytes = 0
        self.is_complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.is_complete = True
        else:
            self.received_bytes += len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        try:
            async with asyncio.timeout(MAX_DRAIN_SECONDS):
                while not self.is_complete and self._may_read_more():
                    await self.receive()
                if not self.is_complete:
                    await asyncio.sleep(LINGER_SECONDS)
        except TimeoutError:
            return

    def _may_read_more(self) -> bool:
        return self.received_bytes == 0 or self.received_bytes + LARGEST_READ_BYTES <= MAX_READ_BYTES


def _may_be_large(scope: Scope) -> bool:
    """A small body is taken in by the server, whether it is wanted or not."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and not _is_small(value))
        for name, value in scope["headers"]
    )


def _is_small(content_length: bytes) -> bool:
    return content_length.isdigit() and int(content_length) <= SMALL_BODY_BYTES


def _waits_for_continue(scope: Scope) -> bool:
    return any(name == b"expect" for name, _ in scope["headers"])
