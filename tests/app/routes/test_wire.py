"""The bytes that clients depend on, as `docs/wire.md` has them, read off a running gateway."""

import gzip
import json

import brotli
import pytest
import zstandard

from ..conftest import StartGateway
from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio

LONG = {"prompt": "word " * 400}
SHORT = {"prompt": "word"}
DECODERS = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().stream_reader(data).read(),
}


async def raw_response(gateway: Gateway, body: object, **headers: str) -> tuple[dict[str, str], bytes]:
    """Headers and undecoded bytes of `POST /chat`."""
    all_headers = await gateway.headers() | headers
    async with gateway.client.stream("POST", "/chat", json=body, headers=all_headers) as response:
        assert response.status_code == 200
        return dict(response.headers), b"".join([chunk async for chunk in response.aiter_raw()])


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
async def test_json_over_a_kibibyte_is_compressed(gateway: Gateway, encoding: str) -> None:
    headers, body = await raw_response(gateway, LONG, **{"Accept-Encoding": encoding})
    assert headers["content-encoding"] == encoding
    assert "accept-encoding" in headers["vary"].lower()
    assert json.loads(DECODERS[encoding](body))["content"].startswith("chat user: word")


@pytest.mark.parametrize(("body", "accepted"), [(SHORT, "gzip, br, zstd"), (LONG, "identity")])
async def test_other_json_is_not(gateway: Gateway, body: object, accepted: str) -> None:
    headers, raw = await raw_response(gateway, body, **{"Accept-Encoding": accepted})
    assert "content-encoding" not in headers
    assert json.loads(raw)


async def test_event_stream_is_never_compressed(gateway: Gateway) -> None:
    headers, raw = await raw_response(
        gateway, LONG | {"stream": True}, **{"Accept-Encoding": "gzip, br, zstd"}
    )
    assert headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in headers
    assert raw.startswith(b":" + b" " * 509 + b"\n\n")


async def test_refusal_of_a_stream_is_a_status_not_an_event(gateway: Gateway) -> None:
    body = {"prompt": "word " * 5000, "stream": True}
    response = await gateway.call("POST", "/chat", json=body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


async def test_events_arrive_as_they_are_made(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "a b c d e f", "step_seconds": 0.05})
    headers = await gateway.headers()
    async with gateway.client.stream(
        "POST", "/chat", json={"prompt": "x", "stream": True}, headers=headers
    ) as response:
        sizes = [chunk.count(b"event: ") async for chunk in response.aiter_raw()]
    assert max(sizes) <= 2, "no two deltas were held back to be sent together"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/chat", 401), ("/v1/chat/completions", 401), ("/v1/models", 401), ("/v1/nothing", 404), ("/x", 404)],
)
async def test_errors_never_have_the_frameworks_shape(gateway: Gateway, path: str, status: int) -> None:
    response = await gateway.client.request("GET" if path == "/v1/models" else "POST", path)
    assert response.status_code == status
    body = response.json()
    if path.startswith("/v1"):
        assert body.keys() == {"error"}
        assert all(isinstance(value, str) for value in body["error"].values())
    else:
        assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()


async def test_every_response_names_its_request(gateway: Gateway) -> None:
    for path in ("/healthz", "/chat", "/nothing"):
        response = await gateway.client.get(path, headers={"X-Request-ID": "trace-1"})
        assert response.headers["x-request-id"] == "trace-1"


async def test_limited_routes_say_what_is_left(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 2})
    for left in (1, 0):
        response = await gateway.call("POST", "/chat", json=SHORT)
        assert response.headers["ratelimit-policy"].startswith('"requests";q=2;w=60')
        assert response.headers["ratelimit"].startswith(f'"requests";r={left};t=')
    response = await gateway.call("POST", "/chat", json=SHORT)
    assert (response.status_code, response.json()["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert response.headers["ratelimit"].startswith('"requests";r=0;t=')


async def test_response_names_no_server_software(gateway: Gateway) -> None:
    response = await gateway.client.get("/healthz")
    assert "x-powered-by" not in response.headers
