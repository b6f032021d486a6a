"""JSON is compressed once, by nginx; other content passes unchanged."""

import asyncio
import gzip
import json

import brotli
import pytest

from testbed.servers import MissingServer

from ..app.gateway import Gateway
from ..conftest import leave_out
from .conftest import StartNginx
from .fake_gateway import Request, fake_gateway, response_of
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

LONG = {"prompt": "word " * 400}
SHORT = {"prompt": "word"}


async def chat(nginx: NginxServer, gateway: Gateway, body: object, accepted: str) -> tuple[str | None, bytes]:
    token = (await gateway.headers())["Authorization"]
    arguments = [
        "-H",
        f"Authorization: {token}",
        "-H",
        f"Accept-Encoding: {accepted}",
        "--json",
        json.dumps(body),
    ]
    response = await nginx.curl("/chat", *arguments)
    assert response.status == 200
    coding = response.headers.get("content-encoding")
    assert coding is None or response.headers["vary"] == "Accept-Encoding"
    return coding, response.body


async def test_json_over_a_kibibyte_is_compressed(nginx: NginxServer, gateway: Gateway) -> None:
    coding, body = await chat(nginx, gateway, LONG, "gzip, zstd")
    assert coding == "gzip"
    assert json.loads(gzip.decompress(body))["content"].startswith("chat user: word")


async def test_brotli_is_preferred_if_its_module_is_installed(nginx: NginxServer, gateway: Gateway) -> None:
    if not nginx.has_brotli:
        leave_out(MissingServer("nginx cannot brotli: apt-get install libnginx-mod-http-brotli-filter"))
    coding, body = await chat(nginx, gateway, LONG, "gzip, br")
    assert coding == "br"
    assert json.loads(brotli.decompress(body))["content"].startswith("chat user: word")


@pytest.mark.parametrize(("body", "accepted"), [(SHORT, "gzip, br"), (LONG, "identity"), (LONG, "zstd")])
async def test_other_json_is_not(nginx: NginxServer, gateway: Gateway, body: object, accepted: str) -> None:
    coding, content = await chat(nginx, gateway, body, accepted)
    assert coding is None
    assert json.loads(content)


@pytest.mark.parametrize(
    ("content_type", "coding"),
    [
        ("application/problem+json", "gzip"),
        ("text/html; charset=utf-8", "gzip"),
        ("text/plain; charset=utf-8", "gzip"),
        ("text/event-stream", None),
        ("text/event-stream; charset=utf-8", None),
        ("image/png", None),
    ],
)
async def test_type_decides(start_nginx: StartNginx, content_type: str, coding: str | None) -> None:
    async def response(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(response_of(bytes(4096), content_type))

    async with fake_gateway(response) as gateway:
        got = await start_nginx(gateway.port).curl("/x", "-H", "Accept-Encoding: gzip")
    assert got.headers.get("content-encoding") == coding
    assert gateway.requests[0].headers.get("accept-encoding") is None, "the gateway does not compress"


async def test_compressed_request_is_refused_as_such(nginx: NginxServer, gateway: Gateway) -> None:
    headers = await gateway.headers() | {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with nginx.client() as client:
        response = await client.post("/chat", content=gzip.compress(b'{"prompt": "a"}'), headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_content_encoding")
    assert response.headers["accept-encoding"] == "identity"
