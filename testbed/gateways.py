"""Gateways, and nginx in front of one: each a process of its own on a port of its own, pinned to one core.

A gateway whose model uses all cores is pinned to none.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.cli.certificates import read_or_make_key, self_sign, write
from testbed.servers import free_port, watched

SERVER_CORE = 0
LOAD_CORE = 1
START_SECONDS = 180.0  # with a model, on a machine that does much else


class GatewayNotStarted(Exception):
    """It was not ready in time; the message is its log. SystemExit would end the event loop of a test."""


UNLIMITED = {
    "GATEWAY_BACKEND": "scripted",
    "GATEWAY_SCRIPTED__REPLY": "Hello.",  # as bare_app.py responds
    "GATEWAY_LIMITS__REQUESTS_PER_MINUTE": "1000000",
    "GATEWAY_LIMITS__CONCURRENT_REQUESTS": "2000",
    "GATEWAY_LIMITS__MAX_IN_FLIGHT": "2000",
}


def pin_to(core: int | None) -> None:
    """On a machine with one core, or where pinning is not allowed, nothing happens; nor with None."""
    if core is not None:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def running_process(
    command: Sequence[str], environment: dict[str, str], log: Path, core: int | None = SERVER_CORE
) -> Iterator[int]:
    """Yields its id; its output goes to `log`. Terminated at the end, also if this process is killed."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            watched(command, signal.SIGTERM),
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: pin_to(core),
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        assert process.stdin is not None
        process.stdin.close()


@contextlib.contextmanager
def gateway(scope: str = "chat", **settings: str) -> Iterator[tuple[int, int, str]]:
    """Yields port, process id and a token of a gateway with everything on but small limits."""
    with started_gateway(scope, SERVER_CORE, **settings) as started:
        yield started.port, started.process_id, started.token


@dataclass(frozen=True, slots=True)
class StartedGateway:
    port: int
    process_id: int
    token: str
    ready_seconds: float  # from the start of the process
    log: Path  # as long as it runs


@contextlib.contextmanager
def started_gateway(
    scope: str, core: int | None, command: Sequence[str] = (), **settings: str
) -> Iterator[StartedGateway]:
    """As `gateway`, pinned to `core`, in a new and empty data directory. `command` replaces `gateway`."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        environment = UNLIMITED | {"GATEWAY_DATA_DIR": directory} | settings
        command = command or [str(Path(sys.executable).with_name("gateway"))]
        log = Path(directory, "log")
        started = time.monotonic()
        with running_process([*command, "serve", "--port", str(port)], environment, log, core) as process_id:
            _wait_until_ready(port, log)
            ready_seconds = time.monotonic() - started
            issued = subprocess.run(
                [*command, "token", "issue", "--user", "benchmark", "--scope", scope],
                env=os.environ | environment,
                capture_output=True,
                text=True,
                check=True,
            )
            yield StartedGateway(port, process_id, issued.stdout.strip(), ready_seconds, log)


@dataclass(frozen=True, slots=True)
class Nginx:
    """Listens on the loopback address with a certificate for `localhost`."""

    port: int
    certificate: Path


@contextlib.contextmanager
def nginx(gateway_port: int, **variables: str) -> Iterator[Nginx]:
    """The shipped configuration with its shipped limits in front of a gateway, on the servers' core."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        raise SystemExit("nginx is not installed: apt-get install nginx gettext-base")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)  # its workers are another user's
        certificate, key = directory / "certificate.pem", directory / "key.pem"
        made = self_sign(["localhost"], timedelta(days=1), read_or_make_key(key))
        write(made, certificate, key)
        port = free_port()
        environment = {
            "NGINX_GATEWAYS": f"127.0.0.1:{gateway_port}",
            "NGINX_ADDRESSES": "127.0.0.1",
            "NGINX_HTTPS_PORT": str(port),
            "NGINX_HTTP_PORT": str(free_port()),
            "NGINX_TLS_CERTIFICATE": str(certificate),
            "NGINX_TLS_KEY": str(key),
            "NGINX_LOG_DIR": name,
            "NGINX_RUN_DIR": str(directory / "run"),
            **variables,
        }
        render = Path(__file__).parents[1] / "nginx" / "render"
        subprocess.run([render, directory / "conf"], env=os.environ | environment, check=True)
        command = [program, "-c", str(directory / "conf" / "nginx.conf"), "-g", "daemon off;"]
        with running_process(command, environment, directory / "log"):
            wait_until_open(port)
            yield Nginx(port, certificate)


def wait_until_open(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _wait_until_ready(port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as response:
                json.load(response)
                return
        except OSError:
            time.sleep(0.05)
    raise GatewayNotStarted(log.read_text())
