"""deploy/make-secrets, and the servers that are given what it makes."""

import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.settings import Settings

from ..servers import ServerNotStarted, free_port, server_directory, spawn, stop_process, wait_a_little
from .conftest import DEPLOY, FindProgram

MADE = {
    *("postgres_password", "gateway_database_url", "redis_auth", "gateway_redis_url"),
    *("grafana_admin_password", "tls_key", "tls_certificate"),
}


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_everything_that_compose_names_is_made(
    secrets_dir: Path, services: dict[str, dict[str, Any]]
) -> None:
    needed = {secret["source"] for service in services.values() for secret in service.get("secrets", ())}
    assert needed == contents(secrets_dir).keys() == MADE


def test_nobody_else_gets_that_far_but_containers_may_read(secrets_dir: Path) -> None:
    assert stat.S_IMODE(secrets_dir.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets_dir.iterdir()} == {0o444}


def test_what_is_there_is_left_alone_and_the_rest_fits_it(secrets_dir: Path) -> None:
    before = contents(secrets_dir)
    for name in ("redis_auth", "gateway_database_url"):
        (secrets_dir / name).unlink()
    done = subprocess.run([secrets_dir.with_name("make-secrets")], capture_output=True, text=True, check=True)
    after = contents(secrets_dir)
    assert done.stdout.splitlines() == [
        f"made deploy/secrets/{name}" for name in ("gateway_database_url", "redis_auth")
    ]
    assert after.pop("redis_auth") != before.pop("redis_auth")  # never the same twice
    assert after == before


def test_host_that_is_none_is_refused(secrets_dir: Path) -> None:
    done = subprocess.run([secrets_dir.with_name("make-secrets"), "/CN=x"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")


def test_production_accepts_them(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(secrets_dir))
    settings = Settings(_env_file=None, env="production", auth={"keys_dir": secrets_dir})
    made = contents(secrets_dir)
    assert settings.effective_database_url.startswith("postgresql://gateway:")
    assert made["postgres_password"].strip() in settings.effective_database_url
    assert settings.redis_url is not None


@pytest.fixture
def start_redis(
    program: FindProgram, services: dict[str, dict[str, Any]], secrets_dir: Path
) -> Iterator[Callable[[], int]]:
    """Starts it as docker-compose.yml says, in another place; returns its port."""
    places = {
        "redis-server": program("redis-server", "redis-server"),
        "/etc/redis/redis.conf": str(DEPLOY / "redis" / "redis.conf"),
        "/run/secrets/redis_auth": str(secrets_dir / "redis_auth"),
    }
    with server_directory() as directory, ExitStack() as stack:
        places["/data"] = str(directory)
        command = [places.get(word, word) for word in services["redis"]["command"]]

        def start() -> int:
            port, log = free_port(), directory / "log"
            process = spawn([*command, "--port", str(port)], log, signal.SIGKILL)
            stack.callback(stop_process, process, signal.SIGKILL)
            while not is_listening(port):
                wait_a_little(process, log)
            return port

        yield start


def connect(port: int, password: str | None = None) -> redis.Redis:
    return redis.Redis(port=port, password=password, retry=Retry(NoBackoff(), 0))


def is_listening(port: int) -> bool:
    """Raises AssertionError when it lets in who has no password."""
    with connect(port) as client:
        try:
            client.ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False
    raise AssertionError("it wants no password")


@pytest.mark.servers
def test_redis_takes_its_configuration_and_the_gateways_password(
    start_redis: Callable[[], int], secrets_dir: Path
) -> None:
    port = start_redis()
    url = urlsplit((secrets_dir / "gateway_redis_url").read_text().strip())
    assert (url.hostname, url.port) == ("redis", 6379)
    with connect(port, url.password) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


@pytest.mark.servers
def test_redis_does_not_start_without_its_password(start_redis: Callable[[], int], secrets_dir: Path) -> None:
    (secrets_dir / "redis_auth").unlink()
    with pytest.raises(ServerNotStarted, match="redis_auth"):
        start_redis()
