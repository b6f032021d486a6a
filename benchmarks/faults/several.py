"""One of two gateways, which has the load, loses its network to Redis and PostgreSQL, or the other one."""

import asyncio
import contextlib
import functools
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx

from benchmarks.faults.fault import Family, Fault, Site
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Sent
from benchmarks.faults.stores import SLOW_SECONDS
from benchmarks.faults.usage import Fetch, compare_usage, of_postgres
from testbed.fault_proxy import FaultProxy
from testbed.servers import PostgresServer, RedisServer

LONGEST_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.02


@contextlib.asynccontextmanager
async def open_site(directory: Path) -> AsyncIterator[Site]:
    for name in ("redis", "postgres", "one", "other"):
        (directory / name).mkdir()
    redis, postgres = RedisServer(directory / "redis"), PostgresServer(directory / "postgres")
    try:
        await asyncio.to_thread(redis.start)
        await asyncio.to_thread(postgres.start)
        url = postgres.url(await asyncio.to_thread(postgres.create_database))
        network = Network(FaultProxy(redis.port), FaultProxy(postgres.port))
        keys = {"GATEWAY_AUTH__KEYS_DIR": str(directory / "keys")}
        other = GatewayProcess(
            directory / "other", keys | {"GATEWAY_REDIS_URL": redis.url, "GATEWAY_DATABASE_URL": url}
        )
        one = GatewayProcess(
            directory / "one",
            keys
            | {
                "GATEWAY_REDIS_URL": redis.url.replace(str(redis.port), str(network.redis.port)),
                "GATEWAY_DATABASE_URL": url.replace(str(postgres.port), str(network.postgres.port)),
            },
        )
        async with network.redis.serving(), network.postgres.serving():
            try:
                await other.run("db", "upgrade")
                await other.start()
                await one.start()
                yield Site(one, faults(one, other, network, of_postgres(url)))
            finally:
                await one.aclose()
                await other.aclose()
    finally:
        redis.stop()
        postgres.stop()


class Network:
    """Of one gateway. What each fault does to it is mended by `mend`."""

    def __init__(self, redis: FaultProxy, postgres: FaultProxy) -> None:
        self.redis, self.postgres = redis, postgres
        self._both = (redis, postgres)

    async def slow_down(self) -> None:
        for proxy in self._both:
            proxy.to_server.delay_seconds = proxy.to_client.delay_seconds = SLOW_SECONDS

    async def cut(self) -> None:
        for proxy in self._both:
            proxy.refuse()
            proxy.cut_all(reset=True)

    async def silence(self) -> None:
        for proxy in self._both:
            proxy.freeze()

    async def lose_responses(self) -> None:
        for proxy in self._both:
            proxy.to_client.loses = True

    async def break_open_connections(self) -> None:
        """Half-open: what is sent on them vanishes; new ones work."""
        for proxy in self._both:
            proxy.to_server.loses = True
        await asyncio.sleep(2 * POLL_SECONDS)
        for proxy in self._both:
            proxy.to_server.loses = False

    async def mend(self) -> None:
        for proxy in self._both:
            proxy.to_server.delay_seconds = proxy.to_client.delay_seconds = 0.0
            proxy.to_client.loses = False
            proxy.thaw()
            await proxy.accept()


def faults(one: GatewayProcess, other: GatewayProcess, network: Network, usage: Fetch) -> list[Fault]:
    note = functools.partial(revocation_and_usage, one, other, usage)
    killed = OtherKilled(other)
    return [
        Fault(
            f"network slow ({SLOW_SECONDS * 1_000:.0f} ms each way)",
            network.slow_down,
            network.mend,
            note=note,
        ),
        Fault("network cut", network.cut, network.mend, note=note, is_short=True),
        Fault("network silent", network.silence, network.mend, seconds=8.0, note=note),
        Fault(
            "responses lost, requests arrive", network.lose_responses, network.mend, seconds=8.0, note=note
        ),
        Fault("open connections dead, new ones work", network.break_open_connections, note=note),
        Fault("the other gateway killed", killed.inject, other.start, seconds=2.0, note=note),
    ]


class OtherKilled:
    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway

    async def inject(self) -> None:
        self._gateway.send_signal(signal.SIGKILL)
        await self._gateway.wait()


async def revocation_and_usage(
    one: GatewayProcess, other: GatewayProcess, usage: Fetch, sent: list[Sent]
) -> str:
    """After the mending: how soon a token that is revoked at the other gateway is refused at this one."""
    user_id, token = await other.issue(f"revoked{time.monotonic_ns()}")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=one.base_url, headers=headers, verify=False) as client:
        await other.post("/admin/revocations", {"user_id": user_id})
        began = time.monotonic()
        while (await client.get("/limits")).status_code != httpx.codes.UNAUTHORIZED:
            if time.monotonic() > began + LONGEST_SECONDS:
                return f"a revocation at the other gateway did not arrive in {LONGEST_SECONDS:.0f} s"
            await asyncio.sleep(POLL_SECONDS)
        seconds = time.monotonic() - began
    stored = await compare_usage(usage, sent)
    return f"afterwards a revocation at the other gateway arrives within {seconds:.2f} s; {stored}"


FAMILY: Final = Family("several", "One of two gateways", open_site)
