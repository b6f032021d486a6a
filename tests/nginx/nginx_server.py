"""The real nginx for the tests, on loopback, through the shipped templates."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from testbed.servers import find_program, free_port, spawn, stop_process, wait_a_little

NGINX_DIRECTORY: Final = Path(__file__).parents[2] / "nginx"
LOOPBACK: Final = "127.0.0.1"
LOG_SECONDS: Final = 10.0
UNLIMITED: Final = {
    "NGINX_REQUESTS_PER_SECOND": "100000",
    "NGINX_REQUEST_BURST": "100000",
    "NGINX_CONCURRENT_REQUESTS": "10000",
}


class RenderFailed(Exception):
    """The message is the output of `nginx/render`."""


def render(directory: Path, **variables: str) -> Path:
    """Runs `nginx/render` without the developer's environment. Returns nginx.conf."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NGINX_")}
    variables = {"NGINX_RUN_DIR": str(directory / "run")} | variables
    done = subprocess.run(
        [NGINX_DIRECTORY / "render", directory / "conf"],
        env=inherited | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RenderFailed(done.stderr)
    assert done.stderr == ""
    return directory / "conf" / "nginx.conf"


class NginxServer:
    """Made and stopped by the fixture. Limits are high unless a test sets them."""

    def __init__(
        self, directory: Path, certificate: Path, gateways: Iterable[int], variables: dict[str, str]
    ) -> None:
        self.program = os.environ.get("NGINX_PROGRAM") or find_program("nginx", package="nginx")
        self.https_port = free_port()
        self.http_port = free_port()
        self.certificate = certificate
        self.directory = directory
        self._variables = UNLIMITED | {
            "NGINX_PROGRAM": self.program,
            "NGINX_GATEWAYS": " ".join(f"{LOOPBACK}:{port}" for port in gateways),
            "NGINX_TLS_CERTIFICATE": str(certificate),
            "NGINX_TLS_KEY": str(certificate.with_name("key.pem")),
            "NGINX_ADDRESSES": LOOPBACK,
            "NGINX_HTTPS_PORT": str(self.https_port),
            "NGINX_HTTP_PORT": str(self.http_port),
            "NGINX_LOG_DIR": str(directory),
            "NGINX_RESOLVERS": LOOPBACK,
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def has_brotli(self) -> bool:
        return (self.directory / "conf" / "http" / "brotli.conf").exists()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    def start(self) -> None:
        config = render(self.directory, **self._variables)
        log = self.directory / "output.log"
        command = [self.program, "-c", str(config), "-g", "daemon off;"]
        self._process = spawn(command, log, signal.SIGTERM)
        while not self._listens():
            wait_a_little(self._process, log)

    def _listens(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self.https_port)).close()
        except OSError:
            return False
        return True

    def reload(self, **variables: str) -> None:
        """Renders again and makes the master start new workers, as `systemctl reload` does."""
        self._variables |= variables
        render(self.directory, **self._variables)
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def workers(self) -> set[int]:
        """Process ids, those that are still ending included."""
        assert self._process is not None
        found = set()
        for child in psutil.Process(self._process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                if child.name() == "nginx":
                    found.add(child.pid)
        return found

    def stop(self) -> None:
        if self._process is not None:
            stop_process(self._process, signal.SIGTERM)
            self._process = None

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)

    def client(self, address: str = LOOPBACK, *, http2: bool = False) -> httpx.AsyncClient:
        """A client with the address that the test chooses: all of 127.0.0.0/8 is this machine."""
        transport = httpx.AsyncHTTPTransport(verify=self.tls(), local_address=address, http2=http2)
        return httpx.AsyncClient(base_url=self.url, transport=transport, timeout=30)

    async def curl(self, path: str, *arguments: str, url: str | None = None) -> "CurlResponse":
        """One request, over HTTP/2 unless the arguments name another version."""
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--cacert",
            str(self.certificate),
            "--dump-header",
            "-",
        ]
        command += ["--http2", "--max-time", "30", *arguments, f"{url or self.url}{path}"]
        return CurlResponse(*await run(*command))

    async def logged(self, requests: int) -> list[dict[str, Any]]:
        """The access log, once it has so many lines. A line is written after its response was sent."""
        path = self.directory / "access.log"
        await until(lambda: path.exists() and path.read_bytes().count(b"\n") >= requests, LOG_SECONDS)
        return [json.loads(line) for line in path.read_text().splitlines()]


class CurlResponse:
    """What curl printed: the head of the last response, parsed, and its body."""

    def __init__(self, code: int, out: bytes, err: str) -> None:
        assert code == 0, err
        head, _, self.body = out.partition(b"\r\n\r\n")
        while head.startswith((b"HTTP/1.1 100", b"HTTP/2 100")):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        self.version, status, *_ = status_line.split(" ")
        self.status = int(status)
        pairs = [line.split(": ", 1) for line in lines]
        self.headers = {name.lower(): value for name, value in pairs}

    def json(self) -> Any:
        return json.loads(self.body)


async def run(*command: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Exit code, output and errors of a program; the test's gateway runs at the same time."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, out, err.decode(errors="replace")


async def until(is_true: Callable[[], bool], seconds: float) -> None:
    """Raises TimeoutError. For what has no event: another process's files and states."""
    async with asyncio.timeout(seconds):
        while not is_true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
