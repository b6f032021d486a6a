"""Several gateways: which of them gets a request, and what is never sent twice."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from .conftest import StartNginx
from .fake_gateway import FakeGateway, Handler, Request, fake_gateway, hang_up, respond_ok, response_of
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

GENERATING = ["/chat", "/vision", "/speech", "/v1/chat/completions", "/v1/audio/transcriptions"]


async def closed_port() -> int:
    async with fake_gateway() as gateway:
        return gateway.port


async def statuses_of(nginx: NginxServer, path: str, method: str = "GET", times: int = 1) -> list[int]:
    """Statuses of requests that follow each other over one connection."""
    async with nginx.client() as client:
        return [(await client.request(method, path)).status_code for _ in range(times)]


async def test_connections_to_gateways_are_kept(start_nginx: StartNginx) -> None:
    async with fake_gateway() as gateway:
        nginx = start_nginx(gateway.port)
        assert await statuses_of(nginx, "/healthz", times=20) == [200] * 20
        assert gateway.connections == 1
        assert "connection" not in gateway.requests[0].headers


async def test_gateway_with_the_fewest_requests_gets_the_next(start_nginx: StartNginx) -> None:
    is_over = asyncio.Event()

    async def respond_late(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.target == "/slow":
            await is_over.wait()
        writer.write(response_of(b"{}"))

    async with fake_gateway(respond_late) as one, fake_gateway(respond_late) as other:
        nginx = start_nginx(one.port, other.port)
        async with nginx.client() as client, asyncio.TaskGroup() as group, asyncio.timeout(20):
            slow = group.create_task(client.get("/slow"))
            while not (one.requests or other.requests):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            busy, idle = (one, other) if one.requests else (other, one)
            for _ in range(10):
                assert (await client.get("/quick")).status_code == 200
            assert (len(busy.requests), len(idle.requests)) == (1, 10)
            is_over.set()
            assert (await slow).status_code == 200


@pytest.mark.parametrize("path", GENERATING)
async def test_post_that_was_sent_is_never_sent_again(start_nginx: StartNginx, path: str) -> None:
    async with fake_gateway(hang_up) as one, fake_gateway(hang_up) as other:
        nginx = start_nginx(one.port, other.port)
        response = await nginx.curl(path, "--json", '{"prompt": "hi"}')
        assert response.status == 502
        assert len(one.requests) + len(other.requests) == 1


KEYED = ("--json", '{"prompt": "hi"}', "--header", "Idempotency-Key: 5f0c7e")


@pytest.mark.parametrize("path", [*GENERATING, "/auth/token?a=%2F"])
async def test_post_with_a_key_is_sent_to_another_gateway(start_nginx: StartNginx, path: str) -> None:
    async with fake_gateway(hang_up) as dead, fake_gateway() as alive:
        nginx = start_nginx(dead.port, alive.port)
        responses = [await nginx.curl(path, *KEYED) for _ in range(2)]
        assert [response.status for response in responses] == [200, 200]
        assert dead.requests, "it was tried"
        for request in (*dead.requests, *alive.requests):
            assert (request.method, request.target, request.body) == ("POST", path, b'{"prompt": "hi"}')
            assert request.headers["idempotency-key"] == "5f0c7e"


async def test_post_with_a_key_and_no_gateway_gets_the_usual_error(start_nginx: StartNginx) -> None:
    async with fake_gateway(hang_up) as one, fake_gateway(hang_up) as other:
        nginx = start_nginx(one.port, other.port)
        response = await nginx.curl("/chat", *KEYED)
        assert (response.status, response.json()["code"]) == (502, "gateway_unreachable")
        assert response.headers["retry-after"] == "5"
        assert (len(one.requests), len(other.requests)) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", f'{{"prompt": "{60_000 * "a"}"}}', "--header", "Idempotency-Key: 5f0c7e"),
        ("--json", '{"prompt": "hi"}', "--header", "Idempotency-Key;"),
        (*KEYED, "--request", "DELETE"),
    ],
    ids=["large body", "empty key", "another method"],
)
async def test_other_requests_with_a_key_are_not_sent_twice(
    start_nginx: StartNginx, arguments: tuple[str, ...]
) -> None:
    """Whoever sends them: bodies are kept in memory only."""
    async with fake_gateway(hang_up) as one, fake_gateway(hang_up) as other:
        nginx = start_nginx(one.port, other.port)
        assert (await nginx.curl("/chat", *arguments)).status == 502
        assert len(one.requests) + len(other.requests) == 1


async def test_post_over_a_kept_connection_that_closes_is_not_sent_again(start_nginx: StartNginx) -> None:
    async def die_at_post(request: Request, writer: asyncio.StreamWriter) -> None:
        await (hang_up if request.method == "POST" else respond_ok)(request, writer)

    async with fake_gateway(die_at_post) as one, fake_gateway(die_at_post) as other:
        nginx = start_nginx(one.port, other.port)
        assert await statuses_of(nginx, "/healthz", times=4) == [200] * 4
        assert await statuses_of(nginx, "/chat", "POST") == [502]
        posts = [request for request in one.requests + other.requests if request.method == "POST"]
        assert len(posts) == 1


async def test_post_is_sent_to_another_gateway_if_no_connection_was_made(start_nginx: StartNginx) -> None:
    async with fake_gateway() as gateway:
        nginx = start_nginx(await closed_port(), gateway.port)
        responses = [await nginx.curl("/chat", "--json", '{"prompt": "hi"}') for _ in range(4)]
        assert [response.status for response in responses] == [200] * 4
        assert [request.body for request in gateway.requests] == [b'{"prompt": "hi"}'] * 4


async def test_get_is_sent_to_another_gateway_again(start_nginx: StartNginx) -> None:
    async with fake_gateway(hang_up) as dead, fake_gateway() as alive:
        nginx = start_nginx(dead.port, alive.port)
        assert await statuses_of(nginx, "/v1/models", times=6) == [200] * 6
        assert dead.requests, "it was tried"


async def test_failing_gateway_gets_no_requests(start_nginx: StartNginx) -> None:
    async with fake_gateway(hang_up) as dead, fake_gateway() as alive:
        nginx = start_nginx(dead.port, alive.port)
        assert await statuses_of(nginx, "/v1/models", times=30) == [200] * 30
        assert len(dead.requests) == 2, "for ten seconds; all workers know"
        assert len(alive.requests) == 30


async def test_refusals_do_not_make_a_gateway_fail(start_nginx: StartNginx) -> None:
    """A 503 is a valid response: a full queue is no failure, and its Retry-After is correct."""

    async def refuse(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")

    async with AsyncExitStack() as stack:
        handlers: list[Handler] = [refuse, refuse]
        gateways: list[FakeGateway] = [await stack.enter_async_context(fake_gateway(one)) for one in handlers]
        nginx = start_nginx(*(gateway.port for gateway in gateways))
        async with nginx.client() as client:
            for _ in range(10):
                response = await client.get("/readyz")
                assert (response.status_code, response.headers["retry-after"]) == (503, "7")
        assert [len(gateway.requests) for gateway in gateways] == [5, 5]
