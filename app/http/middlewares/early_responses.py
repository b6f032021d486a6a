"""Responses to requests whose body was not read to its end: a bounded rest of it is read and dropped.

Most clients (OkHttp, Java's, httpx) read no response before they have sent the whole body, and fail if the
stream or the connection ends before that. A direct client gets its response first: it may stop sending. A
proxy gets it after the rest of the body: nginx ends an HTTP/2 stream as soon as it has the whole response.
"""

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.client_address import is_direct
from app.http.event_stream import SEND_EVENT
from app.record.request_record import record_of

MAX_ANONYMOUS_BYTES: Final = 4 * 1024 * 1024  # of a body, if no token is valid
MAX_USERS_BYTES: Final = 32 * 1024 * 1024  # more than any route takes, so that a client sees its 413
LARGEST_READ_BYTES: Final = 256_000  # what uvloop may hand over at once
SMALL_BODY_BYTES: Final = 16 * 1024
MAX_DRAIN_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 1.0  # without a byte: the client waits for the response, or has seen it
LINGER_SECONDS: Final = 0.5  # for a client that has more to send: it reads the response before it is cut off

_CLOSE: Final = (b"connection", b"close")


class EarlyResponsesMiddleware:
    def __init__(self, app: ASGIApp, pause_seconds: float = PAUSE_SECONDS) -> None:
        self.app = app
        self._pause_seconds = pause_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_be_large(scope):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        body = _Body(receive, self._pause_seconds)
        response = _EarlyResponse(send, is_held=not is_direct(headers))

        async def send_early(message: Message) -> None:
            if message["type"] == "http.response.start" and not body.is_complete:
                response.is_early = True
                message["headers"] = [*message["headers"], _CLOSE]
            await response.send(message)

        scope["state"][SEND_EVENT] = response.send
        await self.app(scope, body.receive, send_early)
        if response.is_early:
            record = record_of(scope)
            record.responded_at = time.monotonic()
            if not ("expect" in headers and body.received_bytes == 0):
                await body.drain(MAX_USERS_BYTES if record.user_id is not None else MAX_ANONYMOUS_BYTES)
            await response.send_rest()
            if not body.is_complete:
                await asyncio.sleep(LINGER_SECONDS)
            await send({"type": "http.response.body", "body": b""})


class _EarlyResponse:
    """An early one is not ended, and held back until `send_rest` if `is_held`, unless it is a stream."""

    def __init__(self, send: Send, *, is_held: bool) -> None:
        self.is_early = False
        self._send = send
        self._is_held = is_held
        self._held: list[Message] = []

    async def send(self, message: Message) -> None:
        if not self.is_early:
            await self._send(message)
            return
        if message["type"] == "http.response.body":
            self._is_held = self._is_held and not message.get("more_body", False)
            message = {**message, "more_body": True}
        self._held.append(message)
        if not self._is_held:
            await self.send_rest()

    async def send_rest(self) -> None:
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


class _Body:
    def __init__(self, receive: Receive, pause_seconds: float) -> None:
        self._receive = receive
        self._pause_seconds = pause_seconds
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

    async def drain(self, max_bytes: int) -> None:
        try:
            async with asyncio.timeout(MAX_DRAIN_SECONDS):
                while not self.is_complete and self.received_bytes + LARGEST_READ_BYTES <= max_bytes:
                    async with asyncio.timeout(self._pause_seconds):
                        await self.receive()
        except TimeoutError:
            return


def _may_be_large(scope: Scope) -> bool:
    """A small body is taken in by the server, whether it is wanted or not."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and not _is_small(value)):
            return True
    return False


def _is_small(content_length: bytes) -> bool:
    return content_length.isdigit() and int(content_length) <= SMALL_BODY_BYTES
