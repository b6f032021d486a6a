"""The access log: complete, strict JSON, and without anything that may contain a token."""

import asyncio

import pytest

from testbed.servers import free_port

from ..app.gateway import Gateway
from .conftest import StartNginx
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

SECRET = "never-in-a-log"


async def test_line_has_client_request_and_duration(nginx: NginxServer, gateway: Gateway) -> None:
    token = (await gateway.headers())["Authorization"]
    response = await nginx.curl("/chat", "-H", f"Authorization: {token}", "--json", '{"prompt": "hi"}')
    (line,) = await nginx.logged(1)
    assert line["request_id"] == response.headers["x-request-id"]
    expected = {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/chat",
        "protocol": "HTTP/2.0",
        "status": 200,
        "gateway": f"127.0.0.1:{gateway.port}",
        "gateway_status": "200",
        "rate_limit": "PASSED",
        "concurrency_limit": "PASSED",
    }
    assert line.items() >= expected.items()
    assert 0 < float(line["gateway_head_seconds"]) <= line["seconds"] + 0.001 < 30
    assert line["bytes_sent"] > len(response.body)


async def test_no_secret_is_written_whatever_happens_to_the_request(
    start_nginx: StartNginx, gateway: Gateway
) -> None:
    """Served, refused by nginx, refused by the gateway, and failed, with secrets in every part of it."""
    secrets = ["-H", f"Authorization: Bearer {SECRET}", "-H", f"Cookie: {SECRET}", "-H", f"Referer: {SECRET}"]
    secrets += ["-A", SECRET, "-H", f"X-Request-ID: {SECRET} {SECRET}", "-H", f"traceparent: {SECRET}"]
    working, broken = start_nginx(gateway.port), start_nginx(free_port())
    for nginx in (working, broken):
        for path in ("/healthz", "/chat", "/.error/problem", f"/streams/{SECRET * 3}.{SECRET}"):
            await nginx.curl(f"{path}?access_token={SECRET}#{SECRET}", *secrets)
        await nginx.curl(f"/x?{SECRET}", *secrets, url=f"http://localhost:{nginx.http_port}")
        paths = [line["path"] for line in await nginx.logged(5)]
        assert paths == ["/healthz", "/chat", "/.error/problem", "/streams/(long)", "/x"]
        written = b"".join(path.read_bytes() for path in nginx.directory.glob("*.log"))
        assert SECRET.encode() not in written


NOT_QUITE_HTTP = [
    b'GET /"\\\x01\xff HTTP/1.1\r\nHost: "\\\r\n\r\n',
    b"GET /\xe6\x89\x93 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"\x16\x03\r\n\r\n",
    b"GET /\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


async def test_line_is_json_whatever_is_sent(start_nginx: StartNginx) -> None:
    nginx = start_nginx(free_port())
    for request in NOT_QUITE_HTTP:
        reader, writer = await asyncio.open_connection("localhost", nginx.https_port, ssl=nginx.tls())
        writer.write(request)
        async with asyncio.timeout(10):
            await reader.read()
        writer.close()
    lines = await nginx.logged(len(NOT_QUITE_HTTP))
    assert all(isinstance(line["status"], int) for line in lines)
