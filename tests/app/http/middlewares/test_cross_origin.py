"""Web pages of other origins, as browsers let them call."""

from typing import Any

import httpx
import pytest

from testbed.servers import MissingServer
from tests.app.ops.page.browser import running_browser
from tests.conftest import leave_out

from ...conftest import StartGateway
from ...gateway import Gateway
from ...shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio

APP = "https://app.example.com"
WEB_VIEW = "capacitor://localhost"
ELSEWHERE = "https://evil.example.com"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-stainless-lang",
}


@pytest.fixture
async def open_gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway(cors_origins=f"{APP}, {WEB_VIEW}", scripted={"reply": "{prompt}"})


async def preflight(gateway: Gateway, path: str, origin: str) -> httpx.Response:
    return await gateway.client.options(path, headers={"Origin": origin, **PREFLIGHT})


def cross_origin_headers(response: httpx.Response) -> set[str]:
    return {name for name in response.headers if name.startswith("access-control-")}


async def test_nothing_is_allowed_by_default(gateway: Gateway) -> None:
    refused = await preflight(gateway, "/chat", APP)
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    response = await gateway.call("POST", "/chat", json={"prompt": "a"}, headers={"Origin": APP})
    assert response.status_code == 200
    assert cross_origin_headers(refused) == cross_origin_headers(response) == set()


@pytest.mark.parametrize("origin", [APP, WEB_VIEW])
@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
async def test_preflight_of_a_listed_origin_needs_no_token(
    open_gateway: Gateway, origin: str, path: str
) -> None:
    response = await preflight(open_gateway, path, origin)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["access-control-allow-headers"] == PREFLIGHT["Access-Control-Request-Headers"]
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in response.headers
    assert "Origin" in response.headers["vary"]


async def test_preflight_of_another_origin_is_refused_in_the_gateways_format(open_gateway: Gateway) -> None:
    response = await preflight(open_gateway, "/v1/models", ELSEWHERE)
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
    assert cross_origin_headers(response) == set()


@pytest.mark.parametrize("origin", [APP, ELSEWHERE, None])
async def test_only_a_listed_origin_reads_responses(open_gateway: Gateway, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    response = await open_gateway.call("POST", "/chat", json={"prompt": "a"}, headers=headers)
    assert response.status_code == 200
    assert response.headers.get("access-control-allow-origin") == (APP if origin == APP else None)
    assert "Origin" in response.headers["vary"], "a cache must not give one origin's response to another"
    if origin == APP:
        exposed = response.headers["access-control-expose-headers"]
        assert exposed.startswith("X-Request-ID, Retry-After, RateLimit, RateLimit-Policy, ")
        assert exposed.endswith(", Stream-Id")
    assert "access-control-allow-credentials" not in response.headers


async def test_errors_can_be_read(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(cors_origins=APP, limits={"requests_per_minute": 2})
    requests: list[tuple[int, dict[str, Any]]] = [
        (401, {"url": "/chat", "json": {"prompt": "a"}, "headers": {"Authorization": "Bearer x"}}),
        (401, {"url": "/vision", "content": bytes(200_000), "headers": {"Authorization": "Bearer x"}}),
        (404, {"url": "/nothing"}),
        (405, {"url": "/healthz"}),
        (415, {"url": "/chat", "content": b"a"}),
        (422, {"url": "/chat", "json": {"prompt": 1}}),
        (429, {"url": "/chat", "json": {"prompt": "a"}}),
    ]
    for status, request in requests:
        headers = await gateway.headers() | {"Origin": APP} | request.pop("headers", {})
        response = await gateway.client.post(**request, headers=headers)
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == APP
    await gateway.services.backend.aclose(0)
    response = await gateway.client.get("/readyz", headers={"Origin": APP})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (503, APP)


async def test_streams_can_be_read(open_gateway: Gateway) -> None:
    body = {"prompt": "a", "stream": True}
    response = await open_gateway.call("POST", "/chat", json=body, headers={"Origin": APP})
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "path", ["/ops", "/ops/live", "/admin/users", "/%61dmin/users", "/metrics", "/admin", "/ops/users"]
)
@pytest.mark.parametrize("origins", [APP, "*"])
async def test_routes_of_operators_never_allow_another_origin(
    start_gateway: StartGateway, path: str, origins: str
) -> None:
    gateway = await start_gateway(cors_origins=origins)
    headers = await gateway.headers("root", "admin ops") | {"Origin": APP}
    for response in (
        await gateway.client.get(path, headers=headers),
        await gateway.client.options(path, headers=headers | PREFLIGHT),
    ):
        assert cross_origin_headers(response) == set()
    assert (await gateway.client.get("/administration", headers=headers)).headers[
        "access-control-allow-origin"
    ] in (APP, "*"), "which is another path"


async def test_every_origin_may_be_allowed_but_no_cookies(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(cors_origins="*")
    for response in (
        await preflight(gateway, "/chat", ELSEWHERE),
        await gateway.call("POST", "/chat", json={"prompt": "a"}, headers={"Origin": ELSEWHERE}),
    ):
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


async def test_preflights_are_one_route_of_the_metrics(open_gateway: Gateway) -> None:
    for path in ("/chat", "/nothing"):
        await preflight(open_gateway, path, APP)
    text = (await open_gateway.client.get("/metrics")).text
    assert 'gateway_requests_total{outcome="ok",route="preflight",status_class="2xx"} 2.0' in text


CALL = """async ([url, token]) => {
    const body = JSON.stringify({prompt: "hello"});
    const headers = {Authorization: `Bearer ${token}`, "Content-Type": "application/json"};
    headers["X-Request-ID"] = "web-1";
    const response = await fetch(url, {method: "POST", headers, body});
    return [response.status, response.headers.get("X-Request-ID"), await response.text()];
}"""


IS_REFUSED = "([url, token]) => fetch(url, {headers: {Authorization: token}}).then(() => false, () => true)"


@pytest.mark.slow
@pytest.mark.servers
async def test_real_browser_lets_a_listed_page_call_and_no_other(start_gateway: StartGateway) -> None:
    pages = [await start_gateway() for _ in range(2)]
    origins = [f"http://127.0.0.1:{page.port}" for page in pages]
    gateway = await start_gateway(cors_origins=origins[0], scripted={"reply": "{prompt}"})
    url = f"http://127.0.0.1:{gateway.port}/chat"
    token = await gateway.issue("alice")
    try:
        async with running_browser() as browser:
            page = await browser.new_page()
            await page.goto(f"{origins[0]}/healthz")
            status, request_id, text = await page.evaluate(CALL, [url, token])
            assert (status, request_id) == (200, "web-1")
            assert "hello" in text
            status, _, text = await page.evaluate(CALL, [url, "x"])
            assert status == 401
            assert "invalid_token" in text
            await page.goto(f"{origins[1]}/healthz")
            assert await page.evaluate(IS_REFUSED, [url, token])
    except MissingServer as error:
        leave_out(error)
