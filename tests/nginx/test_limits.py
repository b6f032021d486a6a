"""Limits per address, of bodies and of heads, with h2load, curl and apps as clients."""

import asyncio
import json
import re
from typing import Any

import pytest

from app.http.guard import GuardedRoute
from app.main import create_app
from app.settings import Settings

from ..app.gateway import Gateway
from .conftest import StartNginx
from .fake_gateway import Request, fake_gateway, response_of
from .nginx_server import NginxServer, run, until

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

MAX_BODY_BYTES = 50 * 1_048_576
ELSEWHERE = "127.0.0.2"


async def h2load(nginx: NginxServer, path: str, *arguments: str) -> dict[str, int]:
    """How many responses had each class of status, and how many requests failed."""
    _, out, _ = await run("h2load", *arguments, f"{nginx.url}{path}")
    said = out.decode()
    found = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said)
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", said)
    assert found is not None, said
    assert failed is not None, said
    counts = dict(zip(("2xx", "3xx", "4xx", "5xx"), map(int, found.groups()), strict=True))
    return counts | {"errored": int(failed[2]), "timeout": int(failed[3])}


def largest_bodies() -> dict[str, int]:
    """The largest body of each of the gateway's own routes, by path."""
    settings = Settings(_env_file=None)
    routes = [route for route in create_app(settings).routes if isinstance(route, GuardedRoute)]
    caps = {True: settings.media.max_media_bytes, False: settings.media.max_json_bytes}
    return {route.path: caps[route.access.takes_media] for route in routes if "POST" in (route.methods or ())}


async def test_nginx_leaves_it_to_the_gateway_to_refuse_all_but_the_largest_bodies(
    start_nginx: StartNginx,
) -> None:
    async def announce(path: str, size: int) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("localhost", nginx.https_port, ssl=nginx.tls())
        writers.append(writer)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
        return reader

    writers: list[asyncio.StreamWriter] = []
    async with fake_gateway() as gateway, asyncio.timeout(30):
        nginx = start_nginx(gateway.port)
        for number, (path, size) in enumerate(largest_bodies().items()):
            refused = await announce(path, MAX_BODY_BYTES + 1)
            assert (await refused.readline()).startswith(b"HTTP/1.1 413 "), path
            assert gateway.connections == number, "nginx said so itself"
            await announce(path, size + 1)
            await until(lambda goal=number + 1: gateway.connections == goal, 10)  # type: ignore[misc]
        for writer in writers:
            writer.close()
    assert number > 8


async def test_h2load_is_served_without_a_failure(nginx: NginxServer) -> None:
    counts = await h2load(nginx, "/healthz", "-n", "400", "-c", "4", "-m", "10")
    assert counts == {"2xx": 400, "3xx": 0, "4xx": 0, "5xx": 0, "errored": 0, "timeout": 0}


async def test_requests_over_the_rate_get_429(start_nginx: StartNginx) -> None:
    async with fake_gateway() as gateway:
        nginx = start_nginx(gateway.port, NGINX_REQUESTS_PER_SECOND="1", NGINX_REQUEST_BURST="10")
        counts = await h2load(nginx, "/healthz", "-n", "200", "-c", "2", "-m", "5")
        assert counts["2xx"] + counts["4xx"] == 200
        assert 11 <= counts["2xx"] <= 20, "the burst, one more, and one for each second that it took"
        refused = await nginx.curl("/v1/models")
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        error = {"type": "rate_limit_error", "code": "rate_limit_exceeded", "param": ""}
        assert refused.json()["error"].items() >= error.items()
        assert len(gateway.requests) == counts["2xx"], "a refused request does not reach it"
        async with nginx.client(ELSEWHERE) as client:
            assert (await client.get("/healthz")).status_code == 200, "another address has its own"


async def test_more_running_requests_than_allowed_get_429(start_nginx: StartNginx) -> None:
    is_over = asyncio.Event()

    async def respond_late(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.target == "/slow":
            await is_over.wait()
        writer.write(response_of(b"{}"))

    async with fake_gateway(respond_late) as gateway, asyncio.timeout(20):
        nginx = start_nginx(gateway.port, NGINX_CONCURRENT_REQUESTS="3")
        async with nginx.client() as client, nginx.client(ELSEWHERE) as other, asyncio.TaskGroup() as group:
            running = [group.create_task(client.get("/slow")) for _ in range(3)]
            await until(lambda: len(gateway.requests) == 3, 10)
            refused = await client.get("/x")
            assert (refused.status_code, refused.json()["code"]) == (429, "concurrency_limit_exceeded")
            assert (await other.get("/x")).status_code == 200
            is_over.set()
            assert [(await one).status_code for one in running] == [200] * 3
            assert (await client.get("/x")).status_code == 200


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff"], 2),
        (["2001:db8::1", "2001:db8::a:0:0:2", "2001:db8::a:b:c:d"], 2),
        (["2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:2:2::1"], 3),
        (["192.0.2.1", "192.0.2.2", "192.0.2.3"], 3),
        (["192.0.2.1", "192.0.2.1", "192.0.2.1"], 2),
    ],
)
async def test_ipv6_network_of_one_customer_counts_as_one(
    start_nginx: StartNginx, addresses: list[str], allowed: int
) -> None:
    async with fake_gateway() as gateway:
        slow = {"NGINX_REQUESTS_PER_SECOND": "1", "NGINX_REQUEST_BURST": "1"}
        nginx = start_nginx(gateway.port, NGINX_TRUSTED_PROXIES="127.0.0.1", **slow)
        async with nginx.client() as client:
            requests = [client.get("/x", headers={"X-Forwarded-For": address}) for address in addresses]
            statuses = [response.status_code for response in await asyncio.gather(*requests)]
    assert statuses.count(200) == allowed, statuses


async def test_user_reaches_its_own_limit_through_nginx(nginx: NginxServer, gateway: Gateway) -> None:
    await gateway.add_user("bob", requests_per_minute=1)
    headers = await gateway.headers("bob")
    responses: list[Any] = []
    for _ in range(2):
        token = ["-H", f"Authorization: {headers['Authorization']}"]
        responses.append(await nginx.curl("/chat", *token, "--json", json.dumps({"prompt": "hi"})))
    assert [response.status for response in responses] == [200, 429]
    assert responses[1].headers["ratelimit"].startswith('"requests";r=0;t=')
    assert int(responses[1].headers["retry-after"]) > 1
