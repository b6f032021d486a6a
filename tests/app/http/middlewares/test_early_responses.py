"""The rest of a body after an early response."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.http.event_stream import SEND_EVENT
from app.http.middlewares.early_responses import (
    MAX_ANONYMOUS_BYTES,
    MAX_DRAIN_SECONDS,
    MAX_USERS_BYTES,
    EarlyResponsesMiddleware,
)
from app.record.request_record import RequestRecord

pytestmark = pytest.mark.anyio

CHUNK = bytes(64 * 1024)


class Upload:
    """A client that keeps sending, whatever the response is."""

    def __init__(self, chunks: int, chunk: bytes = CHUNK) -> None:
        self._left: Iterator[Message] = iter(
            [{"type": "http.request", "body": chunk, "more_body": n < chunks - 1} for n in range(chunks)]
        )
        self.read_bytes = 0
        self.reads = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.reads += 1
        message = next(self._left, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        self.read_bytes += len(message["body"])
        return message

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await refuse(scope, receive, send)


def request(user_id: str | None = None, **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    record = RequestRecord("req_1", method="POST", user_id=user_id)
    return {"type": "http", "method": "POST", "headers": raw, "state": {"record": record}}


LARGE = {"content_length": "67108864"}
PROXIED = {"x_forwarded_for": "192.0.2.1"}


async def test_direct_client_gets_its_response_before_any_of_its_upload_is_read() -> None:
    upload = Upload(400)
    reads_at_response: list[int] = []

    async def send(message: Message) -> None:
        reads_at_response.append(upload.reads)
        await upload.send(message)

    await EarlyResponsesMiddleware(refuse)(request(**LARGE), upload.receive, send)
    assert reads_at_response[:2] == [0, 0]
    assert upload.sent[1]["body"] == b"no"


async def test_proxy_gets_the_response_whole_after_the_rest_of_the_upload() -> None:
    upload = Upload(20)
    reads_at_response: list[int] = []

    async def send(message: Message) -> None:
        reads_at_response.append(upload.reads)
        await upload.send(message)

    await EarlyResponsesMiddleware(refuse)(request(**LARGE, **PROXIED), upload.receive, send)
    assert reads_at_response == [20, 20, 20]
    assert [message.get("body") for message in upload.sent] == [None, b"no", b""]
    assert (b"connection", b"close") in upload.sent[0]["headers"]


@pytest.mark.parametrize("headers", [{}, PROXIED], ids=["direct", "proxied"])
@pytest.mark.parametrize(
    ("user_id", "max_bytes"), [(None, MAX_ANONYMOUS_BYTES), ("usr_alice", MAX_USERS_BYTES)]
)
@pytest.mark.parametrize("chunk_bytes", [64 * 1024, 256_000])
async def test_part_of_a_refused_upload_that_is_read_is_bounded(
    headers: dict[str, str], user_id: str | None, max_bytes: int, chunk_bytes: int
) -> None:
    upload = Upload(67_108_864 // chunk_bytes, bytes(chunk_bytes))
    await EarlyResponsesMiddleware(refuse)(request(user_id, **LARGE, **headers), upload.receive, upload.send)
    assert max_bytes - 2 * 256_000 < upload.read_bytes <= max_bytes


@pytest.mark.parametrize("headers", [{}, PROXIED], ids=["direct", "proxied"])
async def test_client_that_sends_no_more_gets_its_response(headers: dict[str, str]) -> None:
    upload = Upload(0)  # receiving never ends
    middleware = EarlyResponsesMiddleware(refuse, pause_seconds=0.01)
    async with asyncio.timeout(MAX_DRAIN_SECONDS / 2):
        await middleware(request(**LARGE, **headers), upload.receive, upload.send)
    assert b"".join(message.get("body", b"") for message in upload.sent) == b"no"


@pytest.mark.parametrize("headers", [{}, PROXIED], ids=["direct", "proxied"])
async def test_everything_is_released_before_the_rest_is_read(headers: dict[str, str]) -> None:
    upload = Upload(20)
    reads_at_release: list[int] = []

    async def refuse_and_release(scope: Scope, receive: Receive, send: Send) -> None:
        await refuse(scope, receive, send)
        reads_at_release.append(upload.reads)

    middleware = EarlyResponsesMiddleware(refuse_and_release)
    await middleware(request(**LARGE, **headers), upload.receive, upload.send)
    assert reads_at_release == [0]
    assert upload.reads == 20


async def test_connection_with_an_unread_body_is_closed() -> None:
    upload = Upload(2)
    await EarlyResponsesMiddleware(refuse)(request(transfer_encoding="chunked"), upload.receive, upload.send)
    assert (b"connection", b"close") in upload.sent[0]["headers"]


@pytest.mark.parametrize("headers", [{}, PROXIED], ids=["direct", "proxied"])
async def test_connection_with_a_read_body_is_kept(headers: dict[str, str]) -> None:
    upload = Upload(2)
    await EarlyResponsesMiddleware(read_all)(request(**LARGE, **headers), upload.receive, upload.send)
    assert upload.sent[0]["headers"] == []
    assert upload.sent[-1] == {"type": "http.response.body", "body": b"no"}


@pytest.mark.parametrize("is_event", [False, True])
async def test_stream_is_not_held_back(is_event: bool) -> None:
    upload = Upload(0)
    sent_at_end: list[int] = []

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        send_event = scope["state"][SEND_EVENT] if is_event else send
        await send_event({"type": "http.response.body", "body": b"a", "more_body": True})
        sent_at_end.append(len(upload.sent))
        await send({"type": "http.response.body", "body": b"b"})

    middleware = EarlyResponsesMiddleware(stream, pause_seconds=0.01)
    await middleware(request(**LARGE, **PROXIED), upload.receive, upload.send)
    assert sent_at_end == [2]
    assert [message.get("body") for message in upload.sent] == [None, b"a", b"b", b""]


async def test_client_that_waits_for_100_continue_is_not_asked_for_its_body() -> None:
    upload = Upload(400)
    headers = request(content_length="26214400", expect="100-continue")
    await EarlyResponsesMiddleware(refuse)(headers, upload.receive, upload.send)
    assert upload.reads == 0


async def test_request_without_a_body_is_passed_through() -> None:
    upload = Upload(1)
    await EarlyResponsesMiddleware(refuse)(request(), upload.receive, upload.send)
    assert upload.sent[0]["headers"] == []
    assert upload.reads == 0
