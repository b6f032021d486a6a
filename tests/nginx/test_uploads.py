"""Uploads that are refused before they are read, so that the client still gets the reason."""

import asyncio
import json
from pathlib import Path

import pytest

from app.http.middlewares.early_responses import MAX_ANONYMOUS_BYTES

from ..app.gateway import Gateway
from .http2_client import http2_client
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

MAX_MEDIA_BYTES = 25 * 1_048_576
NGINX_MAX_BODY_BYTES = 50 * 1_048_576
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """As large as a form may be that holds it."""
    path = tmp_path / "photo"
    path.write_bytes(bytes(MAX_MEDIA_BYTES - 1024))
    return f"@{path}"


@pytest.mark.parametrize(
    ("path", "size", "status", "code"),
    [
        ("/vision", MAX_MEDIA_BYTES, 401, "unauthenticated"),
        ("/v1/audio/transcriptions", MAX_MEDIA_BYTES, 401, "unauthenticated"),
        ("/vision", NGINX_MAX_BODY_BYTES + 1, 413, "body_too_large"),
        ("/v1/chat/completions", NGINX_MAX_BODY_BYTES + 1, 413, "body_too_large"),
    ],
)
async def test_http2_client_gets_the_response_and_no_error(
    nginx: NginxServer, path: str, size: int, status: int, code: str
) -> None:
    async with http2_client(nginx) as client:
        response = await client.request("POST", path, size, MULTIPART)
        assert (response.status, response.is_whole, response.reset_code) == (status, True, 0)
        body = json.loads(response.body)
        assert (body["error"] if path.startswith("/v1") else body)["code"] == code
        assert response.sent_bytes < 2 * MAX_ANONYMOUS_BYTES, "most of it was never sent"
        again = await client.request("GET", "/healthz")
        assert again.status == 200, "the connection is still good"


@pytest.mark.parametrize("path", ["/vision", "/v1/chat/completions"])
async def test_whole_upload_of_a_user_is_taken_in_before_it_is_refused(
    nginx: NginxServer, gateway: Gateway, path: str
) -> None:
    headers = {"authorization": (await gateway.headers())["Authorization"], **MULTIPART}
    async with http2_client(nginx) as client:
        response = await client.request("POST", path, MAX_MEDIA_BYTES + 1, headers)
    assert (response.status, response.is_whole, response.reset_code) == (413, True, None)
    assert response.sent_bytes == MAX_MEDIA_BYTES + 1
    body = json.loads(response.body)
    assert (body["error"] if path.startswith("/v1") else body)["code"] == "body_too_large"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
async def test_curl_gets_the_reason_why_a_stranger_is_refused(
    nginx: NginxServer, photo: str, version: str
) -> None:
    response = await nginx.curl("/vision", version, "--form", f"image={photo}")
    assert (response.status, response.json()["code"]) == (401, "unauthenticated")


async def test_client_that_first_sends_everything_reads_the_response_afterwards(nginx: NginxServer) -> None:
    body = bytes(2 * 1_048_576)
    head = f"POST /vision HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("localhost", nginx.https_port, ssl=nginx.tls())
    writer.write(head.encode() + body)
    await writer.drain()
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_upload_without_a_length_is_refused_when_it_gets_too_large(
    nginx: NginxServer, gateway: Gateway, photo: str
) -> None:
    token = (await gateway.headers())["Authorization"]
    arguments = ["--http1.1", "-H", "Transfer-Encoding: chunked", "-H", f"Authorization: {token}"]
    form = ["--form", f"image={photo}", "--form", f"prompt={photo}"]  # twice the size
    response = await nginx.curl("/vision", *arguments, *form)
    assert (response.status, response.json()["code"]) == (413, "body_too_large")


async def test_allowed_upload_passes(nginx: NginxServer, gateway: Gateway) -> None:
    picture = Path(__file__).parents[2] / "samples" / "photo.heic"
    token = (await gateway.headers())["Authorization"]
    arguments = [
        "-H",
        f"Authorization: {token}",
        "--form",
        f"image=@{picture}",
        "--form",
        "prompt=What is it?",
    ]
    response = await nginx.curl("/vision", *arguments)
    assert response.status == 200
    assert "What is it?" in response.json()["content"]
