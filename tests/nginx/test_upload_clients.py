"""Refused uploads over HTTP/2, as real clients see them. Most read no response before their body is sent."""

import asyncio
import atexit
import json
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import httpx
import pytest

from testbed.servers import MissingServer, find_program

from ..app.gateway import Gateway
from ..app.quickstart.running import QUICK_JVM
from ..conftest import leave_out
from .conftest import StartNginx
from .fake_gateway import FakeGateway, fake_gateway, say_nothing
from .nginx_server import NginxServer, run, until

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PROGRAMS: Final = Path(__file__).with_name("upload_clients")
JARS: Final = [Path("/usr/share/java/okhttp.jar"), Path("/usr/share/java/okio.jar")]
TYPE: Final = "application/octet-stream"
SCREENSHOT: Final = 200_000
PHOTO: Final = 3_000_000
TOO_LARGE: Final = 27_000_000


@dataclass(frozen=True, slots=True)
class Upload:
    """That many bytes of no type that a route takes, and the error that is expected."""

    url: str
    token: str
    size: int
    status: int
    code: str


Client = Callable[[NginxServer, list[Upload]], Awaitable[list[str]]]


async def httpx_client(nginx: NginxServer, uploads: list[Upload]) -> list[str]:
    async with httpx.AsyncClient(http2=True, verify=nginx.tls(), timeout=20) as client:
        lines = []
        for upload in uploads:
            headers = {"Content-Type": TYPE}
            if upload.token:
                headers["Authorization"] = f"Bearer {upload.token}"
            response = await client.post(upload.url, content=bytes(upload.size), headers=headers)
            lines.append(f"{response.http_version} {response.status_code} {response.text}")
        return lines


async def curl(nginx: NginxServer, uploads: list[Upload]) -> list[str]:
    lines = []
    for upload in uploads:
        headers = ["-H", f"Content-Type: {TYPE}", "-H", "Expect:"]
        headers += ["-H", f"Authorization: Bearer {upload.token}"] if upload.token else []
        path = nginx.directory / "upload"
        path.write_bytes(bytes(upload.size))
        response = await nginx.curl("", *headers, "--data-binary", f"@{path}", url=upload.url)
        lines.append(f"{response.version} {response.status} {response.body.decode()}")
    return lines


async def java(nginx: NginxServer, uploads: list[Upload]) -> list[str]:
    return await run_java("java", nginx, uploads)


async def okhttp(nginx: NginxServer, uploads: list[Upload]) -> list[str]:
    return await run_java("okhttp", nginx, uploads)


async def run_java(client: str, nginx: NginxServer, uploads: list[Upload]) -> list[str]:
    classes = await asyncio.to_thread(compiled_upload)
    class_path = ":".join(map(str, [*JARS, classes]))
    program = [find_program("java", "default-jdk-headless"), *QUICK_JVM, "-cp", class_path, "Upload", client]
    return await run_program(program, nginx, uploads)


@cache
def compiled_upload() -> Path:
    """The directory of the compiled program, once per process of tests. Raises `MissingServer`."""
    if not all(jar.exists() for jar in JARS):
        raise MissingServer("OkHttp is not installed (Debian package: libokhttp-java)")
    compiler = find_program("javac", "default-jdk-headless")
    directory = tempfile.TemporaryDirectory()
    atexit.register(directory.cleanup)
    options = [f"-J{option}" for option in QUICK_JVM] + ["-cp", ":".join(map(str, JARS))]
    command = [compiler, *options, "-d", directory.name, str(PROGRAMS / "Upload.java")]
    subprocess.run(command, check=True)
    return Path(directory.name)


async def node(nginx: NginxServer, uploads: list[Upload]) -> list[str]:
    return await run_program([find_program("node", "nodejs"), str(PROGRAMS / "upload.mjs")], nginx, uploads)


async def run_program(program: list[str], nginx: NginxServer, uploads: list[Upload]) -> list[str]:
    arguments = [value for upload in uploads for value in (upload.url, upload.token, str(upload.size))]
    code, out, err = await run(*program, str(nginx.certificate), *arguments)
    assert code == 0, err
    return out.decode().splitlines()


@pytest.fixture(
    params=[
        httpx_client,
        curl,
        pytest.param(java, marks=pytest.mark.slow),
        pytest.param(okhttp, marks=pytest.mark.slow),
        pytest.param(node, marks=pytest.mark.slow),
    ],
    ids=lambda client: client.__name__,
)
def client(request: pytest.FixtureRequest) -> Client:
    chosen: Client = request.param
    return chosen


async def check(client: Client, nginx: NginxServer, uploads: list[Upload]) -> None:
    """Every response is seen, whole."""
    try:
        lines = await client(nginx, uploads)
    except MissingServer as error:
        leave_out(error)
    assert len(lines) == len(uploads)
    for line, upload in zip(lines, uploads, strict=True):
        protocol, status, body = line.split(" ", 2)
        assert protocol in ("HTTP/2", "HTTP_2", "h2"), line
        assert (int(status), json.loads(body)["code"]) == (upload.status, upload.code), upload


async def test_client_sees_why_the_gateway_refuses_an_upload(
    client: Client, nginx: NginxServer, gateway: Gateway
) -> None:
    token = await gateway.issue("alice")
    await gateway.add_user("bob", requests_per_minute=1)
    limited = await gateway.issue("bob")
    accepted = await gateway.client.post(
        "/chat", json={"prompt": "a"}, headers={"Authorization": f"Bearer {limited}"}
    )
    assert accepted.status_code == 200
    url = nginx.url
    uploads = [
        Upload(f"{url}/vision", "", SCREENSHOT, 401, "unauthenticated"),
        Upload(f"{url}/vision", "a.b.c", PHOTO, 401, "invalid_token"),
        Upload(f"{url}/auth/token", "", SCREENSHOT, 413, "body_too_large"),
        Upload(f"{url}/auth/token", "", PHOTO, 413, "body_too_large"),
        Upload(f"{url}/vision", token, TOO_LARGE, 413, "body_too_large"),
        Upload(f"{url}/vision", token, PHOTO, 415, "unsupported_content_type"),
        Upload(f"{url}/vision", limited, SCREENSHOT, 429, "rate_limit_exceeded"),
        Upload(f"{url}/nothing", "", SCREENSHOT, 404, "not_found"),
    ]
    await check(client, nginx, uploads)


async def test_client_sees_why_nginx_refuses_an_upload(client: Client, start_nginx: StartNginx) -> None:
    async with fake_gateway(say_nothing) as silent:
        nginx = start_nginx(silent.port, NGINX_CONCURRENT_REQUESTS="1")
        uploads = [Upload(f"{nginx.url}/vision", "", SCREENSHOT, 429, "concurrency_limit_exceeded")]
        async with nginx.client() as other:
            running = asyncio.create_task(other.get("/runs"))
            await until(lambda: has_request(silent), 10)
            await check(client, nginx, uploads)
            running.cancel()
            await asyncio.wait([running])


def has_request(gateway: FakeGateway) -> bool:
    return len(gateway.requests) == 1
