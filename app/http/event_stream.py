"""Server-sent events as phones and proxies need them; `docs/wire.md` has the rules and their reasons."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from json.encoder import encode_basestring_ascii
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.http.disconnect import AbortOnDisconnect
from app.record.request_record import record_of
from app.streams.recording import EVENT_STREAM

KEEP_ALIVE_SECONDS: Final = 10.0
QUEUED_SECONDS: Final = (
    1.5  # that a request waits before its stream opens: no longer a matter of milliseconds
)
NOTICE_SECONDS: Final = 1.0  # between two notices of where it waits
FIRST_EVENTS: Final = 2  # the role, and some text
KEEP_ALIVE: Final = b":\n"
OPENING_COMMENT: Final = b":" + b" " * 509 + b"\n\n"  # 512 bytes: URLSession withholds a shorter body
TAKE_EVENT: Final = "take_event"  # in a request's state, if its response is recorded; `Exchange` says so
SEND_EVENT: Final = "send_event"  # in a request's state: `send` of what takes the body of a stream next
OPENAI_END: Final = "[DONE]"
OPENAI_DONE: Final = f"data: {OPENAI_END}\n\n".encode()

Events = AsyncGenerator[bytes, None]
Begin = Callable[[], Awaitable[Events]]
Notice = Callable[[], bytes | None]  # where the request waits, or None

_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_HEADERS: Final = [
    EVENT_STREAM,
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def no_notice() -> None:
    return None


class EventStreamResponse(Response):
    """Waits until the engine has begun, then sends the events, each chunk whole. Always closes them.

    `begin` returns the events once the engine has begun. What it raises is raised, and becomes a status,
    unless the request has waited for `queued_seconds`: the stream is open then, `notice` says where the
    request waits, and `failed` makes the last events of an error.
    """

    def __init__(
        self,
        begin: Begin,
        failed: Callable[[Exception], Sequence[bytes]],
        notice: Notice = no_notice,
        *,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        queued_seconds: float = QUEUED_SECONDS,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.raw_headers = list(_HEADERS)
        self._begin = begin
        self._failed = failed
        self._notice = notice
        self._keep_alive_seconds = keep_alive_seconds
        self._queued_seconds = queued_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        opening = _Opening(send, self.raw_headers, self._keep_alive_seconds, self._notice)
        take_event = scope["state"].get(TAKE_EVENT)
        opening.is_recorded = take_event is not None
        timer = asyncio.get_running_loop().call_later(self._queued_seconds, opening.begin)
        try:
            async with AbortOnDisconnect(receive):
                events = await self._begun_events(opening, timer)
                if take_event is None:
                    await _send_all(events, opening, scope["state"].get(SEND_EVENT, send))
            if take_event is not None:
                await _record_all(events, opening, take_event)
            opening.close()
            await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            if not opening.is_begun:
                raise
            record_of(scope).error_code = "client_disconnected"
        finally:
            timer.cancel()
            opening.close()

    async def _begun_events(self, opening: "_Opening", timer: asyncio.TimerHandle) -> Events:
        try:
            return await self._begin()
        except Exception as error:
            if not opening.is_begun:
                raise
            return _events_of(self._failed(error))
        finally:
            timer.cancel()


class _Opening:
    """The first bytes of a stream, and what is sent between its events. A recording gets its head alone:
    each of its readers is kept alive on its own connection."""

    def __init__(
        self, send: Send, headers: list[tuple[bytes, bytes]], keep_alive_seconds: float, notice: Notice
    ) -> None:
        self.is_begun = False
        self.is_recorded = False
        self._send = send
        self._headers = headers
        self._keep_alive_seconds = keep_alive_seconds
        self._notice = notice
        self._opening: asyncio.Task[None] | None = None
        self._keep_alive: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """While the caller waits for something else."""
        self.is_begun = True
        self._opening = asyncio.create_task(self._open(), name="open-stream")

    async def finish(self) -> None:
        if self._opening is not None:
            await self._opening
        else:
            self.is_begun = True
            await self._open()

    def close(self) -> None:
        for task in (self._opening, self._keep_alive):
            if task is not None:
                task.cancel()

    async def _open(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
        if not self.is_recorded:
            await self._send({"type": "http.response.body", "body": OPENING_COMMENT, "more_body": True})
            self._keep_alive = asyncio.create_task(
                keep_alive(self._send, self._keep_alive_seconds, self._notice)
            )


async def _send_all(events: Events, opening: _Opening, send: Send) -> None:
    """`send` is not that of the head: most of what wraps it does nothing for events but pass them on.

    The first events leave at once, although an engine may have sent a hundred that take milliseconds to make.
    """
    async with aclosing(events):
        await opening.finish()
        number = 0
        async for event in events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
            number += 1
            if number == FIRST_EVENTS:
                await asyncio.sleep(0)  # what is written in one turn of the event loop leaves together


async def _record_all(
    events: Events, opening: _Opening, take_event: Callable[[bytes], Awaitable[None]]
) -> None:
    async with aclosing(events):
        await opening.finish()
        async for event in events:
            await take_event(event)


async def _events_of(events: Sequence[bytes]) -> Events:
    for event in events:
        yield event


async def send_events(
    events: Events,
    receive: Receive,
    send: Send,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    notice: Notice = no_notice,
    *,
    opening: bytes = OPENING_COMMENT,
) -> None:
    """The body of an event stream, after its head. Raises `ClientDisconnect`. Always closes `events`."""
    keeping_alive: asyncio.Task[None] | None = None
    try:
        await send({"type": "http.response.body", "body": opening, "more_body": True})
        keeping_alive = asyncio.create_task(keep_alive(send, keep_alive_seconds, notice))
        async with AbortOnDisconnect(receive):
            async for chunk in events:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        keeping_alive.cancel()
        await send({"type": "http.response.body", "body": b""})
    finally:
        if keeping_alive is not None:
            keeping_alive.cancel()
        await events.aclose()


async def keep_alive(send: Send, seconds: float, notice: Notice) -> None:
    """Endless. A notice is sent when it has changed, once in `NOTICE_SECONDS` at most."""
    sent: bytes | None = None
    silent_seconds = 0.0
    while True:
        chunk = notice()
        if chunk is not None and chunk != sent:
            sent = chunk
        else:
            chunk = KEEP_ALIVE if silent_seconds >= seconds else None
        if chunk is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            silent_seconds = 0.0
        pause = seconds if notice() is None else min(NOTICE_SECONDS, seconds)
        await asyncio.sleep(pause)
        silent_seconds += pause


def native_event(name: str, number: int, payload: Mapping[str, Any]) -> bytes:
    """One event of `/chat`, `/vision` and `/speech`. ASCII only: Swift splits lines on U+2028."""
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode("ascii"), number, _to_json(payload))


def openai_event(payload: Mapping[str, Any]) -> bytes:
    """One event of `/v1`: a bare data line, because OpenAI's SDKs choke on anything else."""
    return b"data: %b\n\n" % _to_json(payload)


def named_event(name: str, payload: Mapping[str, Any]) -> bytes:
    """One event of `/v1/responses`, whose clients expect names."""
    return b"event: %b\ndata: %b\n\n" % (name.encode("ascii"), _to_json(payload))


def _to_json(payload: Mapping[str, Any]) -> bytes:
    """ASCII. orjson takes a fifth of the time, but does not escape what is beyond ASCII."""
    try:
        encoded = orjson.dumps(payload)
    except TypeError:  # a lone surrogate
        return _encode_slowly(payload).encode("ascii")
    if encoded.isascii():
        return encoded
    return _BEYOND_ASCII.sub(_escape, encoded.decode()).encode("ascii")


def _escape(characters: re.Match[str]) -> str:
    return encode_basestring_ascii(characters[0])[1:-1]


_encode_slowly: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
