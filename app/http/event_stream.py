"""Server-sent events as phones and proxies need them; `docs/wire.md` has the rules and their reasons."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
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
        await send({"type": "http.response.body", "body": OPENING_COMMENT, "more_body": True})
        keep_alive = asyncio.create_task(_keep_alive(send, self._keep_alive_seconds))
        try:
            async with AbortOnDisconnect(receive):
                async for chunk in self._events:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            keep_alive.cancel()
            await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            record_of(scope).error_code = "client_disconnected"
        finally:
            keep_alive.cancel()
            await self._events.aclose()


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
