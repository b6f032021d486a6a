"""Three hundred slow clients: others are served, and no slow one is served for longer than the time-outs."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from ..app.conftest import StartGateway
from ..app.gateway import Gateway
from .conftest import StartNginx
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

SLOW_CLIENTS = 300
HEAD_SECONDS = 10  # client_header_timeout
SECONDS = 60
USER = "127.0.0.2"
AS_SHIPPED = {
    "NGINX_REQUESTS_PER_SECOND": "20",
    "NGINX_REQUEST_BURST": "60",
    "NGINX_CONCURRENT_REQUESTS": "64",
}


class SlowClient:
    """Sends the beginning at once, then `piece` each second, until nginx closes the connection."""

    def __init__(self, beginning: bytes, piece: bytes) -> None:
        self._beginning, self._piece = beginning, piece
        self.response = b""
        self.waited_seconds = 0.0  # since its handshake
        self.known_seconds = 0.0  # since before it, when nginx's own clock cannot have started

    async def connect(self, nginx: NginxServer, stack: AsyncExitStack) -> None:
        self._began_at = time.monotonic()
        self._reader, self._writer = await asyncio.open_connection(
            "localhost", nginx.https_port, ssl=nginx.tls()
        )
        stack.callback(self._writer.close)
        self._writer.write(self._beginning)
        self._connected_at = time.monotonic()

    async def drip(self) -> None:
        try:
            while True:
                try:
                    async with asyncio.timeout(1):
                        piece = await self._reader.read(65536)
                except TimeoutError:
                    self._writer.write(self._piece)
                    continue
                if not piece:
                    break
                self.response += piece
        except ConnectionError:
            pass  # nginx closed the connection before the next piece
        self.waited_seconds = time.monotonic() - self._connected_at
        self.known_seconds = time.monotonic() - self._began_at


async def check_that_a_user_is_served(nginx: NginxServer, gateway: Gateway) -> None:
    headers = await gateway.headers()
    async with nginx.client(USER) as client:
        for _ in range(20):
            response = await client.post("/chat", headers=headers, json={"prompt": "hi"})
            assert response.status_code == 200


async def attack(nginx: NginxServer, gateway: Gateway, beginning: bytes, piece: bytes) -> list[SlowClient]:
    slow = [SlowClient(beginning, piece) for _ in range(SLOW_CLIENTS)]
    async with AsyncExitStack() as stack, asyncio.timeout(SECONDS):
        await asyncio.gather(*(client.connect(nginx, stack) for client in slow))
        async with asyncio.TaskGroup() as group:
            for client in slow:
                group.create_task(client.drip())
            await check_that_a_user_is_served(nginx, gateway)
    return slow


async def test_slow_heads_are_refused_and_delay_nobody(gateway: Gateway, start_nginx: StartNginx) -> None:
    nginx = start_nginx(gateway.port, **AS_SHIPPED)
    slow = await attack(nginx, gateway, b"POST /chat HTTP/1.1\r\nHost: localhost\r\nX: ", b"x")
    assert all(client.response == b"" for client in slow)
    assert all(client.known_seconds > HEAD_SECONDS - 1 for client in slow)
    assert all(client.waited_seconds < HEAD_SECONDS + 10 for client in slow)


async def test_slow_bodies_are_refused_and_delay_nobody(
    start_gateway: StartGateway, start_nginx: StartNginx
) -> None:
    """Of a user who may run two requests at a time; strangers are refused before their bodies begin."""
    gateway = await start_gateway(
        request_timeout_seconds=3, limits={"requests_per_minute": 1000, "concurrent_requests": 2}
    )
    nginx = start_nginx(gateway.port, **AS_SHIPPED)
    token = (await gateway.headers("mallory"))["Authorization"]
    head = f"POST /vision HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\nContent-Length: 100000\r\n"
    content_type = "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    slow = await attack(nginx, gateway, f"{head}{content_type}{part}".encode(), b"x")
    statuses = [client.response.split(b" ")[1] for client in slow]
    assert statuses.count(b"408") == 2, "held for the whole of the request's time, and no longer"
    assert statuses.count(b"429") == SLOW_CLIENTS - 2
    await gateway.until_idle()
