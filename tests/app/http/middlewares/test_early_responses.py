"""The rest of a body after an early response."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.http.middlewares.early_responses import MAX_READ_BYTES, EarlyResponsesMiddleware

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


def request(**headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "headers": raw}


async def test_refused_upload_is_response_sent_before_any_of_it_is_read() -> None:
    upload = Upload(400)
    reads_at_answer: list[int] = []

    async def send(message: Message) -> None:
        reads_at_answer.append(upload.reads)
        await upload.send(message)

    await EarlyResponsesMiddleware(refuse)(request(content_length="26214400"), upload.receive, send)
    assert reads_at_answer[:2] == [0, 0]
    assert upload.sent[1]["body"] == b"no"


@pytest.mark.parametrize("chunk_bytes", [1000, 64 * 1024, 256_000])
async def test_at_most_256_kib_of_a_refused_upload_are_read(chunk_bytes: int) -> None:
    upload = Upload(26_214_400 // chunk_bytes, bytes(chunk_bytes))
    await EarlyResponsesMiddleware(refuse)(request(content_length="26214400"), upload.receive, upload.send)
    assert 0 < upload.read_bytes <= MAX_READ_BYTES


async def test_connection_with_an_unread_body_is_closed() -> None:
    upload = Upload(2)
    await EarlyResponsesMiddleware(refuse)(request(transfer_encoding="chunked"), upload.receive, upload.send)
    assert (b"connection", b"close") in upload.sent[0]["headers"]


async def test_connection_with_a_read_body_is_kept() -> None:
    upload = Upload(2)
    await EarlyResponsesMiddleware(read_all)(request(content_length="131072"), upload.receive, upload.send)
    assert upload.sent[0]["headers"] == []
    assert upload.sent[-1] == {"type": "http.response.body", "body": b"no"}


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
