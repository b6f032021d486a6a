"""A complete gateway for tests: the application and uvicorn's protocol, in the event loop of the test."""

import asyncio
import atexit
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from app.auth.token_issuer import NewTokens, TokenIssuer
from app.cli.preflight import listen
from app.http.services import Services
from app.main import create_app
from app.persistence.tables import UserRow
from app.server.http_protocol import BoundedHTTPProtocol
from app.settings import Settings
from testbed.warm_fork_servers import WarmForkServers

IDLE_SECONDS = 10.0
DRAIN_SECONDS = 2.0  # for responses that are still being sent when the test ends
ALL_SCOPES = "chat vision speech"


@dataclass
class Gateway:
    """`client` sends requests over loopback without a token; `call` with a token of the user `alice`."""

    app: FastAPI
    services: Services
    client: httpx.AsyncClient
    port: int
    tokens: dict[str, str] = field(default_factory=dict)

    async def add_user(self, name: str, **limits: int) -> None:
        async with self.services.database.session() as db_session:
            db_session.add(UserRow(id=f"usr_{name}", name=name, **limits))
        await self.services.account_changes.refresh_now()

    async def issue(self, name: str, scopes: str = ALL_SCOPES) -> str:
        """A new access token of the user, who is created if necessary."""
        issuer = TokenIssuer(self.services.access_tokens, self.services.settings.auth)
        async with self.services.database.session() as db_session:
            user = await db_session.get(UserRow, f"usr_{name}")
            if user is None:
                user = UserRow(id=f"usr_{name}", name=name)
                db_session.add(user)
                await db_session.flush()
            return (await issuer.issue(db_session, user, NewTokens(scopes.split()))).access_token

    async def headers(self, name: str = "alice", scopes: str = ALL_SCOPES) -> dict[str, str]:
        key = f"{name} {scopes}"
        if key not in self.tokens:
            self.tokens[key] = await self.issue(name, scopes)
        return {"Authorization": f"Bearer {self.tokens[key]}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """As `alice`, with every scope except the operators'."""
        headers = await self.headers() | options.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **options)

    async def events(self, path: str, **options: Any) -> list["Event"]:
        """The whole stream, parsed."""
        async with self.client.stream("POST", path, headers=await self.headers(), **options) as response:
            body = await response.aread()
            assert response.status_code == 200, body
        return list(parse_events(body))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A plain connection, for clients that send invalid HTTP."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def until_idle(self) -> None:
        """Wait until nothing runs or waits. Raises TimeoutError."""
        async with asyncio.timeout(IDLE_SECONDS):
            while not self.is_idle():  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.001)

    def is_idle(self) -> bool:
        status = self.services.backend.status()
        blocks = sum(worker.kv_used for worker in status.workers)
        held = self.services.admission_queue.in_flight or self.services.memory_budget.used_bytes
        return not (status.running or status.waiting or blocks or held)


@dataclass(frozen=True)
class Event:
    name: str
    number: str
    data: Any


def parse_events(body: bytes) -> Iterator[Event]:
    """Strict: every line is a field or a comment, every event ends with a blank line."""
    assert body.isascii()
    for block in body.decode("ascii").split("\n\n"):
        fields = {}
        for line in block.split("\n"):
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                assert name in ("event", "id", "data"), line
                assert name not in fields, "one line of each"
                fields[name] = value
        if fields:
            data = fields["data"]
            parsed = data if data == "[DONE]" else json.loads(data)
            yield Event(fields.get("event", ""), fields.get("id", ""), parsed)


@cache
def warm_fork_servers() -> WarmForkServers:
    """One per process of tests."""
    servers = WarmForkServers()
    atexit.register(servers.close)
    return servers


@asynccontextmanager
async def running_gateway(directory: Path, **overrides: Any) -> AsyncIterator[Gateway]:
    """`overrides` are settings. Uses the scripted backend and SQLite by default."""
    values: dict[str, Any] = {
        "data_dir": directory,
        "backend": "scripted",
        "drain_seconds": 1,
        "media": {"decoding_processes": 1},  # starting one costs as much as some requests
    }
    app = create_app(Settings(_env_file=None, **(values | overrides)), warm_fork_servers().launch)
    app.state.gateway_name = directory.name
    async with app.router.lifespan_context(app), connected_gateway(app) as gateway:
        yield gateway


@asynccontextmanager
async def connected_gateway(app: FastAPI) -> AsyncIterator[Gateway]:
    """Serve the application and yield it with a client. Its lifespan must have been entered."""
    async with serving(app, app.state.settings.trusted_proxies) as port:
        base_url = f"http://127.0.0.1:{port}"
        # Certificates are not needed, and loading them takes longer than most tests.
        async with httpx.AsyncClient(base_url=base_url, timeout=30, verify=False) as client:
            yield Gateway(app, app.state.services, client, port)


@asynccontextmanager
async def serving(
    app: FastAPI,
    forwarded_allow_ips: str | list[str] = "127.0.0.1",
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """uvicorn's protocol on a free port. Its `Server` would take 0.1 s longer to start and to stop."""
    config = uvicorn.Config(
        app,
        loop="none",
        http=BoundedHTTPProtocol,
        log_config=None,
        lifespan="off",
        forwarded_allow_ips=forwarded_allow_ips,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    listener = listen(host, 0)
    server = await loop.create_server(
        lambda: BoundedHTTPProtocol(config=config, server_state=state, app_state={}),
        sock=listener,
        ssl=tls,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            _, running = await asyncio.wait(state.tasks, timeout=DRAIN_SECONDS)
            for task in running:
                task.cancel()
