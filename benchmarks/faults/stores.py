"""Redis and PostgreSQL: stopped, killed, slow, frozen, and both gone at once."""

import asyncio
import contextlib
import functools
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from benchmarks.faults.fault import Family, Fault, Note, Site, Step
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.usage import compare_usage, of_postgres
from testbed.fault_proxy import FaultProxy
from testbed.servers import PostgresServer, RedisServer

SLOW_SECONDS: Final = 0.2  # each way
Server = RedisServer | PostgresServer


@contextlib.asynccontextmanager
async def open_site(directory: Path) -> AsyncIterator[Site]:
    """Each server behind a proxy."""
    (directory / "redis").mkdir()
    (directory / "postgres").mkdir()
    redis, postgres = RedisServer(directory / "redis"), PostgresServer(directory / "postgres")
    try:
        await asyncio.to_thread(redis.start)
        await asyncio.to_thread(postgres.start)
        name = await asyncio.to_thread(postgres.create_database)
        near_redis, near_postgres = FaultProxy(redis.port), FaultProxy(postgres.port)
        settings = {
            "GATEWAY_REDIS_URL": redis.url.replace(str(redis.port), str(near_redis.port)),
            "GATEWAY_DATABASE_URL": postgres.url(name).replace(str(postgres.port), str(near_postgres.port)),
        }
        gateway = GatewayProcess(directory, settings)
        note = functools.partial(compare_usage, of_postgres(postgres.url(name)))
        async with near_redis.serving(), near_postgres.serving():
            try:
                await gateway.run("db", "upgrade")
                await gateway.start()
                yield Site(
                    gateway,
                    [
                        *of_server("Redis", redis, near_redis, signal.SIGTERM, note),
                        *of_server("PostgreSQL", postgres, near_postgres, signal.SIGINT, note),
                        Fault(
                            "Redis and PostgreSQL both killed",
                            both(kill(redis), kill(postgres)),
                            both(start(redis), start(postgres)),
                            note=note,
                            is_short=True,
                        ),
                        Fault(
                            "Redis and PostgreSQL both frozen",
                            both(freeze(near_redis), freeze(near_postgres)),
                            both(thaw(near_redis), thaw(near_postgres)),
                            note=note,
                        ),
                    ],
                )
            finally:
                await gateway.aclose()
    finally:
        redis.stop()
        postgres.stop()


def of_server(
    name: str, server: Server, proxy: FaultProxy, polite: signal.Signals, note: Note
) -> list[Fault]:
    async def slow_down() -> None:
        proxy.to_server.delay_seconds = proxy.to_client.delay_seconds = SLOW_SECONDS

    async def speed_up() -> None:
        proxy.to_server.delay_seconds = proxy.to_client.delay_seconds = 0.0

    return [
        Fault(f"{name} stopped", kill(server, polite), start(server), note=note),
        Fault(f"{name} killed", kill(server), start(server), note=note),
        Fault(f"{name} slow ({SLOW_SECONDS * 1_000:.0f} ms each way)", slow_down, speed_up, note=note),
        Fault(f"{name} frozen", freeze(proxy), thaw(proxy), note=note),
    ]


def kill(server: Server, number: signal.Signals = signal.SIGKILL) -> Step:
    return functools.partial(asyncio.to_thread, server.stop, number)


def start(server: Server) -> Step:
    return functools.partial(asyncio.to_thread, server.start)


def freeze(proxy: FaultProxy) -> Step:
    async def step() -> None:
        proxy.freeze()

    return step


def thaw(proxy: FaultProxy) -> Step:
    async def step() -> None:
        proxy.thaw()

    return step


def both(one: Step, other: Step) -> Step:
    async def step() -> None:
        await asyncio.gather(one(), other())

    return step


FAMILY: Final = Family("stores", "Redis and PostgreSQL", open_site)
