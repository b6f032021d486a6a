"""A recorded exchange on its own: what ends a response whose last byte is there, and what does not."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from app.errors import GatewayError
from app.http.exchange import Exchange
from app.memory_budget import MemoryBudget
from app.record.request_record import RequestRecord
from app.streams.bounds import StreamBounds
from app.streams.recording import EVENT_STREAM, PIECE_BYTES, Header, ResponseHead
from app.streams.recordings import Keeping, Recordings

from ..eventually import eventually

pytestmark = pytest.mark.anyio


class SlowListener:
    """Keeps a response, which takes until `goes_on` is set."""

    def __init__(self) -> None:
        self.is_at_end = asyncio.Event()
        self.goes_on = asyncio.Event()

    def start(self, head: ResponseHead) -> None:
        self.head = head

    def add(self, chunk: bytes) -> None:
        self.chunk = chunk

    async def end(self) -> None:
        self.is_at_end.set()
        await self.goes_on.wait()


class Studio:
    def __init__(self) -> None:
        budget = MemoryBudget(2**20, 2**20, stream_bytes=2**24)
        self.recordings = Recordings(StreamBounds(budget.streams, 2**23, 2**23), Keeping(0, 300))
        self.stopped: list[type[GatewayError]] = []
        recording = self.recordings.begin("usr_1", "/chat", self.stopped.append)
        assert recording is not None
        self.recording = recording
        self.listener = SlowListener()
        scope: dict[str, Any] = {"path": "/chat", "headers": [], "state": {"record": RequestRecord("req_1")}}
        self.sent: list[Message] = []
        self.has_left = asyncio.Event()  # the client
        self.exchange = Exchange(scope, self._receive, self._send)
        self.exchange.record(recording, self.listener)

    async def send_all(self, body: bytes, *headers: Header) -> None:
        await self.exchange.send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await self.exchange.send({"type": "http.response.body", "body": body})

    async def _receive(self) -> Message:
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


@pytest.mark.parametrize("end", ["stop", "abandon", "cancel"])
async def test_whole_response_stays_whole_while_its_key_is_stored(end: str) -> None:
    studio = Studio()
    sending = asyncio.create_task(studio.send_all(b"event: done\n\n", EVENT_STREAM))
    await studio.listener.is_at_end.wait()
    assert not studio.recording.is_ended, "nobody sees the end before the key is stored"
    if end == "cancel":
        sending.cancel()
    elif end == "stop":
        studio.recording.stop()
    else:
        studio.has_left.set()
        await eventually(lambda: studio.recording.readers == 0)
        await asyncio.sleep(0.01)  # it may be without a reader for no time at all
    studio.listener.goes_on.set()
    await asyncio.wait([sending])
    assert sending.cancelled() is (end == "cancel")
    assert not studio.stopped
    assert studio.recording.is_complete
    studio.exchange.close()
    assert studio.recording.is_complete
    await studio.recordings.aclose()


async def test_whole_response_is_recorded_in_pieces() -> None:
    studio = Studio()
    studio.listener.goes_on.set()
    body = bytes(range(256)) * 2_000
    await studio.send_all(body)
    pieces = [piece async for piece in studio.recording.read(0)]
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) == PIECE_BYTES
    assert b"".join(message.get("body", b"") for message in studio.sent) == body
    await studio.recordings.aclose()
