"""Server-sent events as phones and proxies need them; `docs/wire.md` has the rules and their reasons."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.http.disconnect import AbortOnDisconnect
from app.record.request_record import record_of

KEEP_ALIVE_SECONDS: Final = 10.0
KEEP_ALIVE: Final = b":\n"
OPENING_COMMENT: Final = b":" + b" " * 509 + b"\n\n"  # 512 bytes: URLSession withholds a shorter body
OPENAI_END: Final = "[DONE]"
OPENAI_DONE: Final = f"data: {OPENAI_END}\n\n".encode()

_HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStreamResponse(Response):
    """Sends what `events` yields, each chunk whole. Always closes `events`."""

    def __init__(
        self, events: AsyncGenerator[bytes, None], *, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.raw_headers = list(_HEADERS)
        self._events = events
        self._keep_alive_seconds = keep_alive_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            if is_recorded(scope):
                await self._send_to_recording(send)
            else:
                await send_events(self._events, receive, send, self._keep_alive_seconds)
        except ClientDisconnect:
            record_of(scope).error_code = "client_disconnected"

    async def _send_to_recording(self, send: Send) -> None:
        """The events alone: each reader is kept alive on its own connection."""
        async with aclosing(self._events) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def send_events(
    events: AsyncGenerator[bytes, None],
    receive: Receive,
    send: Send,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
) -> None:
    """The body of an event stream, after its head. Raises `ClientDisconnect`. Always closes `events`."""
    keep_alive: asyncio.Task[None] | None = None
    try:
        await send({"type": "http.response.body", "body": OPENING_COMMENT, "more_body": True})
        keep_alive = asyncio.create_task(_keep_alive(send, keep_alive_seconds))
        async with AbortOnDisconnect(receive):
            async for chunk in events:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        keep_alive.cancel()
        await send({"type": "http.response.body", "body": b""})
    finally:
        if keep_alive is not None:
            keep_alive.cancel()
        await events.aclose()


def is_recorded(scope: Scope) -> bool:
    """Whether the response goes to a recording, not to a connection; `Exchange.record` says so."""
    return bool(scope["state"].get("is_recorded"))


async def _keep_alive(send: Send, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})


def native_event(name: str, number: int, payload: Mapping[str, Any]) -> bytes:
    """One event of `/chat`, `/vision` and `/speech`. ASCII only: Swift splits lines on U+2028."""
    return f"event: {name}\nid: {number}\ndata: {_to_json(payload)}\n\n".encode("ascii")


def openai_event(payload: Mapping[str, Any]) -> bytes:
    """One event of `/v1`: a bare data line, because OpenAI's SDKs choke on anything else."""
    return f"data: {_to_json(payload)}\n\n".encode("ascii")


def named_event(name: str, payload: Mapping[str, Any]) -> bytes:
    """One event of `/v1/responses`, whose clients expect names."""
    return f"event: {name}\ndata: {_to_json(payload)}\n\n".encode("ascii")


_to_json: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
