"""One HTTP request over a connection of its own, and what became of it."""

import asyncio
import json
from dataclasses import dataclass
from typing import Final, Literal

PATIENCE_SECONDS: Final = 30.0
PROBLEM: Final = b"application/problem+json"
RETRIED: Final = (429, 503)

Outcome = Literal["right", "refused", "wrong", "lost", "unreachable"]
"""`refused`: a documented error, whole and with all that it should have. `wrong`: any other response.
`lost`: the gateway took the connection and sent no whole response. `unreachable`: it took none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    code: str = ""  # of the error, or what is wrong
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    head: bytes  # in lower case
    body: bytes


class NotWhole(Exception):
    """The connection ended before the response did; the message says where."""


def request(path: str, token: str, body: bytes, content_type: str = "application/json") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
    )
    head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def exchange(port: int, sent: bytes) -> Response:
    """Raises `ConnectionRefusedError` when no server listens and `NotWhole` when no whole response comes."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(sent)
                received = await reader.read()
            finally:
                writer.close()
    except ConnectionRefusedError:
        raise
    except (OSError, TimeoutError) as error:
        raise NotWhole(type(error).__name__) from error
    return _parse(received)


def _parse(received: bytes) -> Response:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        raise NotWhole("closed in the head" if head else "closed without a response")
    head = head.lower()
    if b"transfer-encoding: chunked" in head:
        body = _join_chunks(body)
    elif len(body) != int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or 0):
        raise NotWhole("closed in the body")
    return Response(int(head[9:12]), head, body)


def _join_chunks(body: bytes) -> bytes:
    chunks = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if not size:
            raise NotWhole("closed between chunks")
        length = int(size, 16)
        if len(body) < length + 2:
            raise NotWhole("closed in a chunk")
        if length == 0:
            return b"".join(chunks)
        chunks.append(body[:length])
        body = body[length + 2 :]


async def judged(port: int, sent: bytes, expected: str, documented: frozenset[str]) -> Verdict:
    """`expected` is the whole text that the response must have, `documented` the codes of errors."""
    try:
        response = await exchange(port, sent)
    except ConnectionRefusedError:
        return Verdict("unreachable")
    except NotWhole as error:
        return Verdict("lost", str(error))
    except ValueError:
        return Verdict("wrong", "malformed response")
    try:
        return _judge(response, expected, documented)
    except (ValueError, KeyError, TypeError):
        return Verdict("wrong", f"malformed response of status {response.status}")


def _judge(response: Response, expected: str, documented: frozenset[str]) -> Verdict:
    request_id = response.head.partition(b"x-request-id: ")[2].split(b"\r\n")[0].decode()
    if response.status != 200:
        return _judge_refusal(response, documented)
    if b"text/event-stream" not in response.head:
        text = json.loads(response.body)["content"]
        return Verdict("right" if text == expected else "wrong", "" if text == expected else text, request_id)
    text = ""
    for block in response.body.decode("ascii").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        match fields.get("event"):
            case "delta":
                text += json.loads(fields["data"])["text"]
            case "done":
                is_right = text == expected
                return Verdict("right" if is_right else "wrong", "" if is_right else text, request_id)
            case "error":
                code = json.loads(fields["data"])["code"]
                is_right = expected.startswith(text) and code in documented
                return Verdict("refused" if is_right else "wrong", code, request_id)
    return Verdict("lost", "stream without a last event", request_id)


def _judge_refusal(response: Response, documented: frozenset[str]) -> Verdict:
    problem = json.loads(response.body)
    code = problem["code"]
    is_whole = (
        PROBLEM in response.head
        and code in documented
        and problem["status"] == response.status
        and problem["request_id"].startswith("req_")
        and (response.status not in RETRIED or b"retry-after: " in response.head)
    )
    # `internal_error` is documented, and yet never what a fault may lead to.
    return Verdict("refused" if is_whole and code != "internal_error" else "wrong", code)
