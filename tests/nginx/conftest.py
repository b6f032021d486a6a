"""Fixtures: nginx in front of the gateways that a test chooses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.cli.certificates import self_sign, write
from testbed.servers import MissingServer, find_program, free_port, server_directory

from ..app.conftest import StartGateway, empty_database, gateway, start_gateway
from ..app.gateway import Gateway
from ..conftest import leave_out
from .nginx_server import NginxServer

__all__ = ["StartGateway", "empty_database", "gateway", "start_gateway"]

StartNginx = Callable[..., NginxServer]
PROGRAMS = {
    "nginx": "nginx",
    "curl": "curl",
    "h2load": "nghttp2-client",
    "openssl": "openssl",
    "envsubst": "gettext-base",
}


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    try:
        for name, package in PROGRAMS.items():
            find_program(name, package)
    except MissingServer as error:
        leave_out(error)


@pytest.fixture(scope="session")
def certificate() -> Iterator[Path]:
    """A self-signed certificate for this machine, with key.pem in the same directory."""
    with server_directory() as directory:
        path = directory / "certificate.pem"
        made = self_sign(
            ["localhost", "127.0.0.1"], timedelta(days=1), ec.generate_private_key(ec.SECP256R1())
        )
        write(made, path, path.with_name("key.pem"))
        yield path


@pytest.fixture(scope="session")
def bare_nginx(certificate: Path) -> Iterator[NginxServer]:
    """Without a gateway, for tests of what nginx does alone. Shared by tests, and so is its log."""
    with server_directory() as directory:
        nginx = NginxServer(directory, certificate, [free_port()], {})
        try:
            nginx.start()
            yield nginx
        finally:
            nginx.stop()


@pytest.fixture
def start_nginx(certificate: Path) -> Iterator[StartNginx]:
    """`start_nginx(port, …, NGINX_…=…)` starts one in front of the gateways on those ports."""
    with ExitStack() as stack:

        def start(*gateways: int, certificate: Path = certificate, **variables: str) -> NginxServer:
            directory = stack.enter_context(server_directory())
            directory.chmod(0o711)  # workers run as another user
            nginx = NginxServer(directory, certificate, gateways, variables)
            stack.callback(nginx.stop)
            nginx.start()
            return nginx

        yield start


@pytest.fixture
def nginx(gateway: Gateway, start_nginx: StartNginx) -> NginxServer:
    """In front of the gateway with generous limits."""
    return start_nginx(gateway.port)
