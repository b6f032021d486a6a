"""One gateway on SQLite, or two that share PostgreSQL and Redis: processes, for benchmarks of both."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.faults.gateway import GatewayProcess
from testbed.servers import PostgresServer, RedisServer, server_directory

ALONE: Final = "one, SQLite"
SHARING: Final = "two, PostgreSQL and Redis"


async def measure_each_kind(
    settings: Mapping[str, str], measure: Callable[[str, list[GatewayProcess]], Awaitable[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """A row of each kind. `measure` takes its name and its gateways, which it starts."""
    rows = []
    with _gateways_of_each_kind(settings) as kinds:
        for name, gateways in kinds.items():
            try:
                rows.append(await measure(name, gateways))
            finally:
                for gateway in gateways:
                    await gateway.aclose()
    return rows


@contextlib.contextmanager
def _gateways_of_each_kind(settings: Mapping[str, str]) -> Iterator[dict[str, list[GatewayProcess]]]:
    """By their kind; not started. The servers run."""
    with server_directory() as directory:
        directory.chmod(0o711)
        redis, postgres = RedisServer(directory), PostgresServer(directory)
        redis.start()
        postgres.start()
        shared = {
            "GATEWAY_REDIS_URL": redis.url,
            "GATEWAY_DATABASE_URL": postgres.url(postgres.create_database()),
            "GATEWAY_AUTH__KEYS_DIR": str(directory / "keys"),
        }
        try:
            yield {
                ALONE: [GatewayProcess(_made(directory / "alone"), dict(settings))],
                SHARING: [
                    GatewayProcess(_made(directory / name), {**settings, **shared})
                    for name in ("first", "second")
                ],
            }
        finally:
            postgres.stop()
            redis.stop()


@contextlib.asynccontextmanager
async def connected(
    gateways: Sequence[GatewayProcess], connections: int
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each."""
    limits = httpx.Limits(max_connections=connections)
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=gateway.base_url, limits=limits, timeout=120, verify=False)
            )
            for gateway in gateways
        ]


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory
