"""Event streams through nginx: unchanged, and without delay."""

import asyncio
import json

import httpx
import pytest

from ..app.conftest import StartGateway
from ..app.gateway import Gateway, parse_events
from .conftest import StartNginx
from .fake_gateway import Request, fake_gateway
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

OPENING = b":" + b" " * 509 + b"\n\n"
PROMPT = "打开\u2028微信 " * 50
CHAT = {"prompt": PROMPT, "stream": True}
COMPLETION = {
    "model": "scripted",
    "messages": [{"role": "user", "content": PROMPT}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
EVERY_CODING = ["-H", "Accept-Encoding: gzip, br, zstd, deflate"]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize(("path", "body"), [("/chat", CHAT), ("/v1/chat/completions", COMPLETION)])
async def test_bytes_are_those_of_the_gateway(
    nginx: NginxServer, gateway: Gateway, version: str, path: str, body: dict[str, object]
) -> None:
    token = (await gateway.headers())["Authorization"]
    arguments = [version, *EVERY_CODING, "-H", f"Authorization: {token}", "--json", json.dumps(body)]
    response = await nginx.curl(path, *arguments)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in response.headers
    assert "content-length" not in response.headers
    assert response.body.startswith(OPENING)
    events = list(parse_events(response.body))
    if path == "/chat":
        assert {event.name for event in events[:-1]} == {"delta"}
        assert [event.number for event in events] == [str(number) for number in range(1, len(events) + 1)]
        assert events[-1].name == "done"
        text = "".join(event.data["text"] for event in events[:-1])
    else:
        assert all((event.name, event.number) == ("", "") for event in events)
        assert events[-1].data == "[DONE]"
        chunks = [event.data for event in events[:-1]]
        for chunk in chunks:
            assert all(chunk[name] for name in ("id", "object", "created", "model", "system_fingerprint"))
        assert all(isinstance(value, int) for value in (chunks[-1]["usage"]["total_tokens"],))
        text = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert PROMPT.strip() in text


async def test_refusal_of_a_stream_is_a_status(nginx: NginxServer, gateway: Gateway) -> None:
    token = (await gateway.headers())["Authorization"]
    body = json.dumps({"prompt": "word " * 5000, "stream": True})
    response = await nginx.curl("/chat", "-H", f"Authorization: {token}", "--json", body)
    assert (response.status, response.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
async def test_event_is_not_delayed_until_the_next(start_nginx: StartNginx, version: str) -> None:
    """The gateway sends each event after the one before it has arrived."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    pieces = [OPENING, b"data: 1\n\n", b":\n", b"data: [DONE]\n\n"]

    async def stream(request: Request, writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for piece in pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            assert await arrived.get() == piece
        writer.write(b"0\r\n\r\n")

    async with fake_gateway(stream) as gateway, asyncio.timeout(20):
        nginx = start_nginx(gateway.port)
        command = [
            "curl",
            "--silent",
            "--no-buffer",
            version,
            "--cacert",
            str(nginx.certificate),
            *EVERY_CODING,
        ]
        process = await asyncio.create_subprocess_exec(
            *command, f"{nginx.url}/chat", stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for piece in pieces:
            assert await process.stdout.readexactly(len(piece)) == piece
            arrived.put_nowait(piece)
        assert await process.wait() == 0


async def test_generation_ends_when_its_client_disconnects(
    start_gateway: StartGateway, start_nginx: StartNginx
) -> None:
    gateway = await start_gateway(scripted={"reply": "word " * 1000, "step_seconds": 0.02})
    nginx = start_nginx(gateway.port)
    async with nginx.client() as client:
        headers = await gateway.headers()
        async with client.stream(
            "POST", "/chat", headers=headers, json={"prompt": "x", "stream": True}
        ) as response:
            async for chunk in response.aiter_raw():
                if b"event: delta" in chunk:
                    break
            assert not gateway.is_idle()
    await gateway.until_idle()  # within 10 of its 20 seconds


@pytest.mark.parametrize("version", [1, 2])
async def test_stream_is_resumed_and_stopped(
    start_gateway: StartGateway, start_nginx: StartNginx, version: int
) -> None:
    gateway = await start_gateway(scripted={"reply": "word " * 1000, "step_seconds": 0.02})
    nginx = start_nginx(gateway.port)
    headers = await gateway.headers()
    async with nginx.client(http2=version == 2) as client:
        asked = {"prompt": "x", "max_tokens": 1000, "stream": True, "resumable": True}
        async with client.stream("POST", "/chat", headers=headers, json=asked) as response:
            path = f"/streams/{response.headers['stream-id']}"
            head = await _read_events(response, 3)
        resumed = headers | {"Last-Event-ID": "3"}
        async with client.stream("GET", path, headers=resumed) as response:
            assert response.http_version == f"HTTP/{'2' if version == 2 else '1.1'}"
            assert response.headers["content-type"] == "text/event-stream"
            rest = await _read_events(response, 3)
        assert [event.number for event in parse_events(head + rest)] == ["1", "2", "3", "4", "5", "6"]
        for _ in range(2):
            stopped = await client.delete(path, headers=headers)
            assert (stopped.status_code, stopped.content) == (204, b"")
        await gateway.until_idle()
        whole = (await client.get(path, headers=headers)).content.removeprefix(OPENING)
        direct = await gateway.call("GET", path)
        assert whole == direct.content.removeprefix(OPENING)
        assert whole.startswith(head + rest)
        assert list(parse_events(whole))[-1].data["code"] == "stream_stopped"
        unknown = await client.delete("/streams/str_unknown", headers=headers)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "stream_not_found")


async def _read_events(response: httpx.Response, count: int) -> bytes:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        whole = body.removeprefix(OPENING).split(b"\n\n")[:-1]
        if len(whole) >= count:
            break
    return b"".join(event + b"\n\n" for event in whole[:count])
