"""A reload under load: new workers take over, old ones finish their requests, no request fails."""

import asyncio

import pytest

from .conftest import StartNginx
from .fake_gateway import Request, fake_gateway, response_of
from .nginx_server import until

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

RELOADS = 3
CLIENTS = 6
SECONDS = 60


async def test_no_request_fails_while_nginx_is_reloaded(start_nginx: StartNginx) -> None:
    may_end = asyncio.Event()
    is_done = False
    statuses: list[int] = []

    async def respond(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.target != "/long":
            writer.write(response_of(b"{}"))
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n2\r\n:\n\r\n")
        await may_end.wait()
        writer.write(b"6\r\n: end\n\r\n0\r\n\r\n")

    async with fake_gateway(respond) as gateway, asyncio.timeout(SECONDS):
        nginx = start_nginx(gateway.port)

        async def send_until_done() -> None:
            while not is_done:
                async with nginx.client() as client:  # each over a connection of its own
                    statuses.append((await client.post("/chat", json={})).status_code)

        async with nginx.client() as client, asyncio.TaskGroup() as group:
            over_http1 = group.create_task(client.get("/long"))
            over_http2 = group.create_task(nginx.curl("/long", "--http2"))
            await until(lambda: len(gateway.requests) == 2, SECONDS)
            loads = [group.create_task(send_until_done()) for _ in range(CLIENTS)]
            first = nginx.workers()
            for number in range(RELOADS):
                before, statuses_before = nginx.workers(), len(statuses)
                nginx.reload(NGINX_REQUEST_BURST=str(100_000 + number))
                await until(lambda: len(nginx.workers() - before) >= len(first), SECONDS)  # noqa: B023
                await until(lambda: len(statuses) > statuses_before + 5, SECONDS)  # noqa: B023
            is_done = True
            await asyncio.gather(*loads)
            assert first & nginx.workers(), "an old one waits for its stream"
            may_end.set()
        assert over_http1.result().content == over_http2.result().body == b":\n: end\n"
        assert set(statuses) == {200}
        await until(lambda: len(nginx.workers()) == len(first), SECONDS)
        assert not first & nginx.workers(), "the old ones have ended"
