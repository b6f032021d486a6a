"""PostgreSQL and Redis take what docker-compose.yml gives them, and want the passwords that were made."""

import os
import pwd
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from testbed.servers import free_port, server_directory

from .conftest import DEPLOY, FindProgram
from .container import SECONDS, Container

Services = dict[str, dict[str, Any]]

pytestmark = pytest.mark.servers


@pytest.fixture
def redis_container(program: FindProgram, unshare: str, services: Services) -> Iterator[Container]:
    program("redis-server", "redis-server")
    with server_directory() as data:
        user = services["redis"]["user"].partition(":")[0]
        yield Container(unshare, user, data, {"PATH": os.environ["PATH"]})


def redis_command(services: Services, secrets_dir: Path, data: Path, port: int) -> list[str]:
    places = {
        "/etc/redis/redis.conf": str(DEPLOY / "redis" / "redis.conf"),
        "/run/secrets/redis_auth": str(secrets_dir / "redis_auth"),
        "/data": str(data),
    }
    return [*(places.get(word, word) for word in services["redis"]["command"]), "--port", str(port)]


def test_redis_takes_its_configuration_and_the_gateways_password(
    redis_container: Container, services: Services, secrets_dir: Path
) -> None:
    port = free_port()
    command = redis_command(services, secrets_dir, redis_container.data, port)
    kind, health = services["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    places = {"$$": "$", "/run/secrets": str(secrets_dir), "redis-cli": f"redis-cli -p {port}"}
    for there, here in places.items():
        health = health.replace(there, here)
    url = urlsplit((secrets_dir / "gateway_redis_url").read_text().strip())
    assert (url.hostname, url.port) == ("redis", 6379)
    with redis_container.running(*command, health=["/bin/sh", "-c", health]):
        with redis.Redis(port=port, password=url.password) as client:
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        once = Retry(NoBackoff(), 0)
        with redis.Redis(port=port, retry=once) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_redis_does_not_start_without_its_password(
    redis_container: Container, services: Services, secrets_dir: Path
) -> None:
    (secrets_dir / "redis_auth").unlink()
    done = redis_container.run(*redis_command(services, secrets_dir, redis_container.data, free_port()))
    assert done.returncode != 0
    assert "redis_auth" in done.stdout + done.stderr


@pytest.mark.anyio
async def test_postgres_takes_its_options_and_the_gateways_password(
    program: FindProgram, unshare: str, services: Services, secrets_dir: Path
) -> None:
    """As the image's entry point does it: a cluster with these options and this password."""
    service, port = services["postgres"], free_port()
    settings = service["environment"]
    url = urlsplit((secrets_dir / "gateway_database_url").read_text().strip())
    directory = Path(program("initdb", "postgresql")).parent
    with server_directory() as data:
        path = f"{directory}:{os.environ['PATH']}"
        user = str(pwd.getpwnam("postgres").pw_uid)  # it wants to find itself among this machine's users
        container = Container(unshare, user, data, {"PATH": path})
        password = settings["POSTGRES_PASSWORD_FILE"].replace("/run/secrets", str(secrets_dir))
        cluster = str(data / "cluster")
        container.say(
            *("initdb", "--pgdata", cluster, "--no-sync", "--username", settings["POSTGRES_USER"]),
            *(f"--pwfile={password}", *shlex.split(settings["POSTGRES_INITDB_ARGS"])),
        )
        kind, *health = service["healthcheck"]["test"]
        assert kind == "CMD"
        serve = ["postgres", "-D", cluster, "-c", f"port={port}", "-c", f"unix_socket_directories={data}"]
        stop = signal.Signals[service["stop_signal"]]
        with container.running(*serve, health=[*health, "--port", str(port)], stop_signal=stop) as process:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=port, user=url.username, password=url.password, database="postgres"
            )
            assert await connection.fetchval("SHOW data_checksums") == "on"
            await connection.close()
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(host="127.0.0.1", port=port, user="gateway", password="another")
            process.send_signal(stop)
            assert process.wait(SECONDS) == 0
