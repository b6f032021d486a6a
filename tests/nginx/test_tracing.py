"""The ids of a request, from the client through nginx to the gateway, its response and the log."""

import re

import pytest

from .conftest import StartNginx
from .fake_gateway import Request, fake_gateway
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
MALFORMED = [
    "",
    "x",
    TRACEPARENT + "-",
    TRACEPARENT.upper(),
    f"00-{'0' * 32}-00f067aa0ba902b7-01",
    f"00-{TRACE_ID}-{'0' * 16}-01",
    f"ff-{TRACE_ID}-00f067aa0ba902b7-01",
]


async def seen_by_gateway(start_nginx: StartNginx, *given: dict[str, str]) -> list[Request]:
    async with fake_gateway() as gateway, start_nginx(gateway.port).client() as client:
        for headers in given:
            assert (await client.get("/x", headers=headers)).status_code == 200
    return gateway.requests


async def test_trace_of_the_client_is_continued(start_nginx: StartNginx) -> None:
    (request,) = await seen_by_gateway(start_nginx, {"traceparent": TRACEPARENT, "tracestate": "a=b"})
    assert request.headers["traceparent"] == TRACEPARENT
    assert request.headers["tracestate"] == "a=b"


async def test_trace_begins_at_nginx_if_the_client_has_none(start_nginx: StartNginx) -> None:
    given = [{}, *({"traceparent": value} for value in MALFORMED)]
    trace_ids = set()
    for request in await seen_by_gateway(start_nginx, *given):
        begun = re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-01", request.headers["traceparent"])
        assert begun is not None
        assert request.headers["x-request-id"] == f"req_{begun[1]}", "one can be found by the other"
        trace_ids.add(begun[1])
    assert len(trace_ids - {TRACE_ID}) == len(given)


async def test_request_id_is_the_clients_if_it_is_well_formed(nginx: NginxServer) -> None:
    kept = []
    for given in ("trace-1", "a" * 64, "a" * 65, "a b"):
        response = await nginx.curl("/healthz", "-H", f"X-Request-ID: {given}")
        request_id = response.headers["x-request-id"]
        assert re.fullmatch("[A-Za-z0-9._-]{1,64}", request_id)
        kept.append(request_id == given)
    assert kept == [True, True, False, False]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
async def test_white_space_around_an_id_is_not_part_of_it(start_nginx: StartNginx, version: str) -> None:
    async with fake_gateway() as gateway:
        ids = ["-H", "X-Request-ID:  \ttrace-1 \t ", "-H", f"traceparent: {TRACEPARENT}\t "]
        response = await start_nginx(gateway.port).curl("/x", version, *ids)
    (request,) = gateway.requests
    assert request.headers["x-request-id"] == "trace-1"
    assert request.headers["traceparent"] == TRACEPARENT
    assert response.status == 200


async def test_response_log_and_gateway_have_the_same_request_id(nginx: NginxServer) -> None:
    responses = [await nginx.curl(path) for path in ("/healthz", "/nothing")]
    lines = await nginx.logged(2)
    assert [line["request_id"] for line in lines] == [
        response.headers["x-request-id"] for response in responses
    ]
    assert all(line["request_id"] == f"req_{line['trace_id']}" for line in lines)
