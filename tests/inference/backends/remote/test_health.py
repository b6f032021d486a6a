"""What checks of engines find out, and when they are made."""

import asyncio

import pytest

from inference.backends.remote.client import make_client
from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.health import check
from inference.config import RemoteConfig, RemoteEndpoint

from .conftest import SECRET, collect, text_of
from .engine_server import MODELS, EngineServer, engine_server, response, sends, whole

pytestmark = pytest.mark.anyio

SECONDS = 10.0


async def checked(engine: EngineServer, endpoint: Endpoint) -> str | None:
    async with make_client(RemoteConfig()) as client:
        return await check(client, endpoint)


@pytest.mark.parametrize(
    ("health", "models"),
    [
        pytest.param(404, (200, MODELS), id="no check"),
        pytest.param(302, (200, MODELS), id="a check that redirects"),
        pytest.param(429, (429, {}), id="too many checks"),
        pytest.param(404, (404, {}), id="no check and no list"),
        pytest.param(200, (405, {}), id="no list"),
        pytest.param(200, (200, [{"id": "canned"}]), id="a bare list"),
        pytest.param(200, (200, {"data": None}), id="an empty list"),
        pytest.param(200, (200, {"data": [{"id": "x" * 1000}] * 2000}), id="a long list"),
    ],
)
async def test_an_engine_whose_model_is_configured_may_lack_routes(
    health: int, models: tuple[int, object]
) -> None:
    async with engine_server() as engine:
        engine.health, engine.models = health, models
        endpoint = Endpoint("0", RemoteEndpoint(engine.url, model="canned"))
        assert await checked(engine, endpoint) is None
        assert endpoint.model == "canned"


@pytest.mark.parametrize(
    ("health", "models", "reason"),
    [
        (500, (200, MODELS), "GET URL/health responds with 500"),
        (200, (401, {}), "GET URL/v1/models responds with 401: it needs a `key`"),
        (200, (404, {}), "GET URL/v1/models responds with 404: check the address"),
        (404, (200, {"data": []}), "it serves no model"),
        (200, (200, {"error": "no"}), "GET URL/v1/models responds with something else than a list of models"),
    ],
)
async def test_the_reason_is_named(health: int, models: tuple[int, object], reason: str) -> None:
    async with engine_server() as engine:
        engine.health, engine.models = health, models
        endpoint = Endpoint("0", RemoteEndpoint(engine.url))
        assert await checked(engine, endpoint) == reason.replace("URL", engine.url)
        assert not endpoint.is_healthy


async def test_the_address_that_was_requested_is_named_without_its_query() -> None:
    async with engine_server() as engine:
        engine.models = (404, {})
        endpoint = Endpoint("0", RemoteEndpoint(f"{engine.url}/v2", query=f"sig={SECRET}"))
        reason = f"GET {engine.url}/v2/models responds with 404: check the address"
        assert await checked(engine, endpoint) == reason
        engine.models = (401, {})
        endpoint = Endpoint("0", RemoteEndpoint(engine.url, f"key-{SECRET}"))
        assert (await checked(engine, endpoint) or "").endswith("it does not accept the `key`")


@pytest.mark.slow
async def test_an_engine_that_may_not_speak_tls_is_told() -> None:
    """Some servers wait for the rest of what they take for a request."""
    async with engine_server() as engine:
        endpoint = Endpoint("0", RemoteEndpoint(engine.url.replace("http:", "https:")))
        found = await checked(engine, endpoint)
    assert found == "it cannot be reached: it does not respond in time, perhaps because it expects http"


@pytest.mark.parametrize(
    "member", ["max_model_len", "context_length", "max_context_length", "context_window"]
)
async def test_the_context_has_several_names(member: str) -> None:
    async with engine_server() as engine:
        engine.models = (200, {"data": [{"id": "canned", member: 777}]})
        endpoint = Endpoint("0", RemoteEndpoint(engine.url))
        assert await checked(engine, endpoint) is None
        assert endpoint.context_length == 777


async def test_an_engine_that_was_down_may_serve_another_model() -> None:
    async with engine_server() as engine:
        endpoint = Endpoint("0", RemoteEndpoint(engine.url))
        assert await checked(engine, endpoint) is None
        assert endpoint.model == "canned"
        engine.models = (200, {"data": [{"id": "other", "max_model_len": 99}, {"id": "third"}]})
        assert await checked(engine, endpoint) is None
        assert endpoint.model == "canned", "a healthy engine is not asked again"
        endpoint.note_failed_check("it cannot be reached")
        assert await checked(engine, endpoint) is None
        assert (endpoint.model, endpoint.context_length) == ("other", 99)


@pytest.mark.parametrize("models", [(200, MODELS), (404, {})])
async def test_an_engine_that_refuses_the_key_is_checked_with_the_key(models: tuple[int, object]) -> None:
    """Lists of models need no key at some engines, such as llama.cpp's."""
    refuses = sends(response(401, {}))
    async with engine_server(refuses) as engine:
        engine.models = models
        endpoint = Endpoint("0", RemoteEndpoint(engine.url, "key", "canned"))
        assert await checked(engine, endpoint) is None
        assert engine.exchanges == [], "an engine that has refused nothing gets no such request"
        endpoint.refuses_access = True
        for _ in range(2):
            assert (
                await checked(engine, endpoint)
                == "the engine responded with 401, as if its `key` were wrong or missing"
            )
            assert not endpoint.is_healthy
        assert engine.exchanges[0].body["messages"] == []
        engine.behave = sends(response(400, {}))
        assert await checked(engine, endpoint) is None
        assert endpoint.is_healthy
        assert not endpoint.refuses_access


async def test_while_none_is_healthy_no_pause_is_longer_than_usual(start, make_request) -> None:
    backend, (engine,) = await start(whole, health_seconds=0.02)
    async with asyncio.timeout(SECONDS):
        engine.health = 503
        while backend.status().is_ready:
            await engine.checks.get()
        backend.engines.endpoints[0].pause_seconds = 600.0
        for _ in range(3):
            while await engine.checks.get() != "/health":
                pass
        engine.health = 200
        while not backend.status().is_ready:
            await engine.checks.get()
            await asyncio.sleep(0)
    assert text_of(await collect(backend, make_request())) == "hello there"
