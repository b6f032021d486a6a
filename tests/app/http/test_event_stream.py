"""The bytes of event streams, at the ASGI seam: no server may change them, so none is needed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.errors import Overloaded
from app.http.event_stream import (
    KEEP_ALIVE,
    EventStreamResponse,
    native_event,
    openai_event,
)
from app.record.request_record import RequestRecord

pytestmark = pytest.mark.anyio

SWIFT_LINE_ENDS = ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]


class Peer:
    """A client at the other end of ASGI. It may leave; it notes every message."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.has_left = asyncio.Event()
        self.got_something = asyncio.Event()

    async def receive(self) -> Message:
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self.got_something.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def scope() -> dict[str, object]:
    return {"type": "http", "state": {"record": RequestRecord("req_test")}}


def stream_of(
    events: AsyncGenerator[bytes, None],
    engine: "Engine | None" = None,
    **options: Any,  # Any: those of the response
) -> EventStreamResponse:
    engine = engine or Engine(is_free=True)

    async def begin() -> AsyncGenerator[bytes, None]:
        await engine.begin()
        return events

    return EventStreamResponse(begin, lambda error: [b"data: failed\n\n"], engine.notice, **options)


class Engine:
    """Begins a request when it `is_free`, and may refuse it then."""

    def __init__(self, *, is_free: bool = False) -> None:
        self.is_free = asyncio.Event()
        self.refusal: Exception | None = None
        self.position: int | None = 3
        if is_free:
            self.is_free.set()

    async def begin(self) -> None:
        await self.is_free.wait()
        self.position = None
        if self.refusal is not None:
            raise self.refusal

    def notice(self) -> bytes | None:
        return None if self.position is None else b": at %d\n" % self.position


async def three_events() -> AsyncGenerator[bytes, None]:
    for number in range(3):
        yield native_event("delta", number, {"text": str(number)})


async def test_first_events_leave_before_the_rest_is_made() -> None:
    """The server sends what is written within one turn of the event loop together."""
    made, made_when_it_left = 0, []

    async def events() -> AsyncGenerator[bytes, None]:
        nonlocal made
        for number in range(5):
            made = number + 1
            yield native_event("delta", number, {"text": str(number)})

    async def send(message: Message) -> None:
        if b"delta" in message.get("body", b""):
            asyncio.get_running_loop().call_soon(lambda: made_when_it_left.append(made))

    await stream_of(events())(scope(), Peer().receive, send)
    await asyncio.sleep(0)
    assert made_when_it_left == [2, 2, 5, 5, 5]


async def test_stream_opens_with_a_comment_of_512_bytes() -> None:
    peer = Peer()
    await stream_of(three_events())(scope(), peer.receive, peer.send)
    comment = peer.sent[1]["body"]
    assert len(comment) == 512
    assert comment.startswith(b":")
    assert comment.endswith(b"\n\n")


async def test_stream_is_neither_cached_nor_buffered() -> None:
    peer = Peer()
    await stream_of(three_events())(scope(), peer.receive, peer.send)
    headers = dict(peer.sent[0]["headers"])
    assert headers[b"content-type"] == b"text/event-stream"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-accel-buffering"] == b"no"


async def test_client_that_leaves_ends_the_stream_and_closes_its_events() -> None:
    peer, is_closed = Peer(), asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    request_scope = scope()
    stream = asyncio.create_task(stream_of(endless())(request_scope, peer.receive, peer.send))
    await peer.got_something.wait()
    peer.has_left.set()
    await stream
    assert is_closed.is_set()
    assert request_scope["state"]["record"].error_code == "client_disconnected"  # type: ignore[index]


async def test_cancelled_stream_closes_its_events() -> None:
    peer, is_closed = Peer(), asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    stream = asyncio.create_task(stream_of(endless())(scope(), peer.receive, peer.send))
    await peer.got_something.wait()
    stream.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stream
    assert is_closed.is_set()


async def test_silent_stream_is_kept_alive() -> None:
    peer, may_end = Peer(), asyncio.Event()

    async def silent() -> AsyncGenerator[bytes, None]:
        await may_end.wait()
        yield b"data: 1\n\n"

    response = stream_of(silent(), keep_alive_seconds=0.001)
    stream = asyncio.create_task(response(scope(), peer.receive, peer.send))
    while KEEP_ALIVE not in [message.get("body") for message in peer.sent]:
        peer.got_something.clear()
        await peer.got_something.wait()
    may_end.set()
    await stream
    assert peer.sent[-1]["body"] == b""


async def until_sent(peer: Peer, chunk: bytes) -> None:
    async with asyncio.timeout(10):
        while chunk not in peer.body:
            peer.got_something.clear()
            await peer.got_something.wait()


async def test_stream_that_waits_opens_and_says_where_as_often_as_that_changes() -> None:
    peer, engine = Peer(), Engine()
    response = stream_of(three_events(), engine, queued_seconds=0.0, keep_alive_seconds=0.001)
    stream = asyncio.create_task(response(scope(), peer.receive, peer.send))
    await until_sent(peer, b": at 3\n")
    engine.position = 2
    await until_sent(peer, b": at 2\n")
    await until_sent(peer, KEEP_ALIVE)
    engine.is_free.set()
    await stream
    assert [message["type"] for message in peer.sent].count("http.response.start") == 1
    assert len(peer.sent[1]["body"]) == 512
    assert peer.body.count(b": at ") == 2
    assert peer.body.count(b"event: delta") == 3
    assert peer.body.index(b": at 2") < peer.body.index(b"event: delta")


async def test_refusal_is_an_event_once_the_stream_is_open_and_raised_before() -> None:
    peer, engine = Peer(), Engine()
    engine.refusal = Overloaded()
    response = stream_of(three_events(), engine, queued_seconds=0.0)
    stream = asyncio.create_task(response(scope(), peer.receive, peer.send))
    await until_sent(peer, b": at 3\n")
    engine.is_free.set()
    await stream
    assert peer.body.endswith(b"data: failed\n\n")
    assert peer.sent[-1] == {"type": "http.response.body", "body": b""}

    peer, engine = Peer(), Engine(is_free=True)
    engine.refusal = Overloaded()
    with pytest.raises(Overloaded):
        await stream_of(three_events(), engine)(scope(), peer.receive, peer.send)
    assert not peer.sent


async def test_client_that_leaves_while_it_waits_ends_the_wait() -> None:
    for queued_seconds in (0.0, 60.0):
        peer, engine, request_scope = Peer(), Engine(), scope()
        response = stream_of(three_events(), engine, queued_seconds=queued_seconds)
        stream = asyncio.create_task(response(request_scope, peer.receive, peer.send))
        if queued_seconds:
            await asyncio.sleep(0)
        else:
            await until_sent(peer, b": at 3\n")
        peer.has_left.set()
        if queued_seconds:
            with pytest.raises(ClientDisconnect):
                await stream
            assert not peer.sent
        else:
            await stream
            assert request_scope["state"]["record"].error_code == "client_disconnected"  # type: ignore[index]


@pytest.mark.parametrize("line_end", SWIFT_LINE_ENDS)
def test_event_is_one_line_whatever_a_client_takes_for_a_line_end(line_end: str) -> None:
    event = native_event("delta", 1, {"text": f"a{line_end}b 你好"})
    assert event.isascii()
    name, number, data, empty, rest = event.decode("ascii").split("\n")
    assert (name, number, empty, rest) == ("event: delta", "id: 1", "", "")
    assert json.loads(data.removeprefix("data: ")) == {"text": f"a{line_end}b 你好"}


def test_openai_event_is_a_bare_data_line() -> None:
    assert openai_event({"a": "\u2028"}) == b'data: {"a":"\\u2028"}\n\n'


@pytest.mark.parametrize("text", ["plain \"'\\/ \t", "你好, again 你", "😀", "\ud83d alone", "\x00\x1f\x80"])
def test_event_has_the_escapes_of_json_for_all_that_is_not_ascii(text: str) -> None:
    value = {"text": text, "number": 1.5, "nothing": None}
    data = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    assert openai_event(value) == b"data: %b\n\n" % data
