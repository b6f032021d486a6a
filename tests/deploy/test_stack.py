"""What `docker compose up` starts, without containers: each program as its service's user, with its settings.

The gateway is the package of the image; PostgreSQL, Redis and nginx are this machine's.
"""

import os
import signal
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed.servers import free_port, server_directory

from .conftest import ROOT, FindProgram
from .container import SECONDS, Container
from .dockerfile import Stage

Services = dict[str, dict[str, Any]]

pytestmark = pytest.mark.servers


@pytest.fixture
def gateway(
    unshare: str,
    stages: dict[str, Stage],
    compose_config: Callable[..., dict[str, Any]],
    installed: Path,
    secrets_dir: Path,
    postgres_url: str,
    redis_url: str,
) -> Iterator[Container]:
    """The image's user and environment, with the settings of Compose and this machine's servers."""
    for name, url in (("database", postgres_url), ("redis", redis_url)):
        (secrets_dir / f"gateway_{name}_url").unlink()
        (secrets_dir / f"gateway_{name}_url").write_text(f"{url}\n")
    settings = compose_config(FRONT_SUBNET="127.0.0.0/8")["services"]["gateway"]["environment"]
    runtime = stages["runtime"]
    with server_directory() as data:
        environment = {
            name: value.replace("/var/lib/gateway", str(data)) for name, value in runtime.environment.items()
        }
        environment |= settings | {"GATEWAY_SECRETS_DIR": str(secrets_dir), "PYTHONPATH": str(installed)}
        environment["PATH"] = f"{installed / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        yield Container(unshare, runtime.last("USER").partition(":")[0], data, environment)


@pytest.fixture
def nginx(
    unshare: str, program: FindProgram, services: Services, secrets_dir: Path
) -> Iterator[Callable[[int], Any]]:
    """`nginx(port)` runs it as Compose does, in front of a gateway on that port; gives its URL."""
    for name, package in (("nginx", "nginx"), ("envsubst", "gettext-base"), ("curl", "curl")):
        program(name, package)
    service = services["nginx"]
    with server_directory() as data:

        @contextmanager
        def start(gateway_port: int) -> Iterator[str]:
            places = {
                "/run/secrets": str(secrets_dir),
                "/run/nginx-gateway": str(data),
                "/opt/nginx": str(ROOT / "nginx"),
                "gateway:8000": f"127.0.0.1:{gateway_port}",
                "$$": "$",  # as Compose writes what it does not replace itself
            }

            def here(text: str) -> str:
                for there, place in places.items():
                    text = text.replace(there, place)
                return text

            environment = {name: here(value) for name, value in service["environment"].items()}
            ports = {"NGINX_HTTPS_PORT": str(free_port()), "NGINX_HTTP_PORT": str(free_port())}
            environment |= ports | {"NGINX_ADDRESSES": "127.0.0.1", "NGINX_RUN_DIR": str(data)}
            environment |= {"NGINX_LOG_DIR": str(data), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
            container = Container(unshare, service["user"].partition(":")[0], data, environment)
            kind, health = service["healthcheck"]["test"]
            assert kind == "CMD-SHELL"
            command = [*service["entrypoint"], *map(here, service["command"])]
            with container.running(*command, health=["/bin/sh", "-c", here(health)]):
                yield f"https://localhost:{ports['NGINX_HTTPS_PORT']}"

        yield start


def test_gateway_may_write_its_data_and_nothing_else(gateway: Container, installed: Path) -> None:
    assert gateway.say("id", "-u") == "10001"
    assert gateway.run("touch", str(gateway.data / "x")).returncode == 0
    assert gateway.run("touch", str(installed / "app" / "x")).returncode != 0


def test_everything_together_responds_through_nginx(
    gateway: Container,
    nginx: Callable[[int], Any],
    stages: dict[str, Stage],
    services: Services,
    secrets_dir: Path,
) -> None:
    """From an empty database to an answer of the embedded model over TLS, and an orderly end."""
    (program,) = stages["runtime"].command("ENTRYPOINT")
    for once in ("migrate", "signing-key"):
        gateway.say(program, *services[once]["command"])
    gateway.say(program, "user", "create", "alice")
    token = gateway.say(program, "token", "issue", "--user", "alice")

    port = free_port()
    serve = [word.replace("8000", str(port)) for word in stages["runtime"].command("CMD")]
    health = [word.replace(":8000", f":{port}") for word in stages["runtime"].command("HEALTHCHECK")]
    with ExitStack() as stack:
        process = stack.enter_context(gateway.running(program, *serve, health=health))
        url = stack.enter_context(nginx(port))
        client = stack.enter_context(httpx.Client(base_url=url, verify=tls(secrets_dir), timeout=SECONDS))
        ready = client.get("/readyz").json()
        assert ready == {
            "status": "ready",
            "components": dict.fromkeys(ready["components"], "ready"),
            "media_sandbox": {"limits": True, "seccomp": True, "landlock": True},
        }
        headers = {"Authorization": f"Bearer {token}"}
        response = client.post("/chat", headers=headers, json={"prompt": "hi", "max_tokens": 4})
        assert response.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


def tls(secrets_dir: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=secrets_dir / "tls_certificate")
