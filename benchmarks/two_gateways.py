"""Two real gateways behind a real nginx, with one Redis and one PostgreSQL behind a proxy for each."""

import asyncio
import contextlib
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from benchmarks.faults.gateway import GatewayProcess
from testbed.fault_proxy import FaultProxy
from testbed.gateways import nginx
from testbed.servers import PostgresServer, RedisServer

GATEWAYS: Final = 2
LONG_REPLY: Final = " ".join(("{prompt}", *(f"word{number}" for number in range(2_000))))
SHORT: Final = {"prompt": "hi", "max_tokens": 3}
STEP_SECONDS: Final = 0.02
UNLIMITED: Final = {
    "NGINX_REQUESTS_PER_SECOND": "100000",
    "NGINX_REQUEST_BURST": "100000",
    "NGINX_CONCURRENT_REQUESTS": "10000",
}

T = TypeVar("T")


class Proxies:
    """Run in a thread of their own, so that they belong to no test's event loop. `on_loop` reaches them."""

    def __init__(self, *ports: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxies", daemon=True)
        self.all = [FaultProxy(port) for port in ports]
        self._stack = contextlib.AsyncExitStack()

    def start(self) -> None:
        self._thread.start()
        for proxy in self.all:
            asyncio.run_coroutine_threadsafe(
                self._stack.enter_async_context(proxy.serving()), self._loop
            ).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def on_loop(self, change: Callable[[], object]) -> None:
        async def run() -> None:
            change()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def accept(self, proxy: FaultProxy) -> None:
        asyncio.run_coroutine_threadsafe(proxy.accept(), self._loop).result()


@dataclass
class Site:
    """`redis` and `postgres` have the proxy of each gateway, `redis_url` has none. `admin` is a token with
    every scope.
    """

    gateways: list[GatewayProcess]
    proxies: Proxies
    redis: list[FaultProxy]
    postgres: list[FaultProxy]
    redis_url: str
    url: str
    certificate: Path
    admin: str
    users: int = 0

    @contextlib.asynccontextmanager
    async def client(self, number: int | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """Of one gateway, or through nginx."""
        base_url = self.url if number is None else self.gateways[number].base_url
        verify = ssl.create_default_context(cafile=self.certificate) if number is None else False
        async with httpx.AsyncClient(base_url=base_url, verify=verify, timeout=60) as client:
            yield client

    async def add_user(self, **limits: int) -> tuple[str, dict[str, str]]:
        """Its id, and the header with its token. Its limits hold in every gateway."""
        self.users += 1
        name = f"user{self.users}"
        async with self.client(0) as client:
            headers = {"Authorization": f"Bearer {self.admin}"}
            user = (await client.post("/admin/users", headers=headers, json={"name": name} | limits)).json()
            fields = {"user_id": user["id"], "scopes": ["chat", "vision"], "lifetime_seconds": 3600}
            issued = (await client.post("/admin/tokens", headers=headers, json=fields)).json()
        header = {"Authorization": f"Bearer {issued['access_token']}"}
        await self.until(lambda client: self._knows(client, header, limits))
        return user["id"], header

    async def _knows(self, client: httpx.AsyncClient, header: dict[str, str], limits: dict[str, int]) -> bool:
        shown = (await client.get("/limits", headers=header)).json()
        return all(shown.get(name, limit) == limit for name, limit in limits.items())

    async def statuses(self, header: dict[str, str], requests: int) -> Counter[int]:
        """Of requests to both gateways in turn, all at once."""
        async with self.client(0) as one, self.client(1) as other:
            responses = await asyncio.gather(
                *(
                    (one, other)[number % 2].post("/chat", headers=header, json=SHORT)
                    for number in range(requests)
                )
            )
        return Counter(response.status_code for response in responses)

    async def until(self, is_so: Callable[[httpx.AsyncClient], Any], seconds: float = 30.0) -> None:
        """Of each gateway. Raises TimeoutError."""
        for number in range(len(self.gateways)):
            await self.until_one(number, is_so, seconds)

    async def until_one(
        self, number: int, is_so: Callable[[httpx.AsyncClient], Any], seconds: float = 30.0
    ) -> None:
        async with self.client(number) as client, asyncio.timeout(seconds):
            while not await is_so(client):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.02)

    async def until_ready(self, number: int) -> None:
        """With all its parts."""

        async def is_ready(client: httpx.AsyncClient) -> bool:
            try:
                return bool((await client.get("/readyz")).json()["status"] == "ready")
            except httpx.TransportError:
                return False

        await self.until_one(number, is_ready)


@contextlib.contextmanager
def running_site(directory: Path, redis: RedisServer, postgres: PostgresServer) -> Iterator[Site]:
    """Both servers run already. `directory` is empty, and other users may enter it."""
    database = postgres.url(postgres.create_database())
    proxies = Proxies(*[redis.port] * GATEWAYS, *[postgres.port] * GATEWAYS)
    of_redis, of_postgres = proxies.all[:GATEWAYS], proxies.all[GATEWAYS:]
    gateways = []
    for number in range(GATEWAYS):
        own = directory / f"gateway-{number}"
        own.mkdir()
        settings = {
            "GATEWAY_REDIS_URL": redis.url.replace(str(redis.port), str(of_redis[number].port)),
            "GATEWAY_DATABASE_URL": database.replace(str(postgres.port), str(of_postgres[number].port)),
            "GATEWAY_AUTH__KEYS_DIR": str(directory / "keys"),
            "GATEWAY_SCRIPTED__REPLY": LONG_REPLY,
            "GATEWAY_SCRIPTED__STEP_SECONDS": str(STEP_SECONDS),
        }
        gateways.append(GatewayProcess(own, settings))
    proxies.start()
    try:
        asyncio.run(_start(gateways))
        admin = asyncio.run(
            gateways[0].run(
                "token", "issue", "--user", "root", "--scope", "admin ops chat", "--lifetime", "1d"
            )
        )
        ports = " ".join(f"127.0.0.1:{gateway.port}" for gateway in gateways)
        with nginx(gateways[0].port, NGINX_GATEWAYS=ports, **UNLIMITED) as proxy:
            url = f"https://localhost:{proxy.port}"
            yield Site(gateways, proxies, of_redis, of_postgres, redis.url, url, proxy.certificate, admin)
    finally:
        for gateway in gateways:
            asyncio.run(gateway.aclose())
        proxies.stop()


async def _start(gateways: list[GatewayProcess]) -> None:
    await asyncio.gather(*(gateway.start() for gateway in gateways))
