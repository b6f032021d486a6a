"""A replica of the engine, without Ray: what it serves to those who have the key, and to others."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.ray.replica import EngineApplication, EngineReplica, digest_of, engine_settings

pytestmark = pytest.mark.anyio

KEY = "3f9c0b6de1a74258b0c7d3e9f1a2647c"
CHAT = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}]}
SCRIPTED: dict[str, Any] = {"backend": ("scripted",), "scripted": {"reply": "one two"}}


@asynccontextmanager
async def lifespan_of(application: EngineApplication) -> AsyncIterator[None]:
    """As a server runs it: a task of its own, told to start and to stop."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(application({"type": "lifespan"}, to_app.get, from_app.put))  # type: ignore[arg-type]
    await to_app.put({"type": "lifespan.startup"})
    started = await from_app.get()
    assert started["type"] == "lifespan.startup.complete", started
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await task


def client_of(application: EngineApplication) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application)  # type: ignore[arg-type]  # its own types are narrower
    return httpx.AsyncClient(transport=transport, base_url="http://engine")


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[EngineApplication]:
    made = EngineApplication(engine_settings(SCRIPTED, tmp_path), digest_of(KEY))
    async with lifespan_of(made):
        yield made


async def test_the_key_serves_completions_without_limits_and_nothing_else(
    application: EngineApplication,
) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with client_of(application) as client:
        for _ in range(12):  # more than the ten a minute of a user
            response = await client.post("/v1/chat/completions", json=CHAT, headers=headers)
            assert response.status_code == 200
            assert response.json()["choices"][0]["message"]["content"] == "one two"
        models = (await client.get("/v1/models", headers=headers)).json()
        assert models["data"][0]["max_model_len"] > 0
        for path in ("/admin/users", "/ops/data", "/metrics"):
            response = await client.get(path, headers=headers)
            assert response.status_code in (403, 404), path


async def test_a_generation_ends_with_the_proxy_that_requested_it(tmp_path: Path) -> None:
    """Ray then raises an error where a server says that the client has left."""
    scripted = {"backend": ("scripted",), "scripted": {"reply": "on and on " * 200, "step_seconds": 0.05}}
    application = EngineApplication(engine_settings(scripted, tmp_path), digest_of(KEY))
    has_begun = asyncio.Event()
    body = json.dumps(CHAT | {"stream": True}).encode()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])
    events: list[bytes] = []

    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await has_begun.wait()
        raise RuntimeError("the actor has died")

    async def send(message: MutableMapping[str, Any]) -> None:
        events.append(message.get("body", b""))
        if b"and" in events[-1]:
            has_begun.set()

    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"},
        **{"scheme": "http", "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions"},
        **{"root_path": "", "query_string": b"", "client": ("127.0.0.1", 1), "server": ("engine", 80)},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    async with lifespan_of(application):
        await application(scope, receive, send)
        assert application.services.backend.status().running == 0
    assert has_begun.is_set()
    assert not any(b"[DONE]" in event for event in events)


async def test_nobody_else_is_served(application: EngineApplication) -> None:
    """Nor is a token that the replica made for itself a key."""
    token = application._current_token().decode()
    wrong: list[dict[str, Any]] = [
        {},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer é".encode()},
        {"Authorization": f"Bearer {token}"},
    ]
    async with client_of(application) as client:
        for headers in wrong:
            for method, path in (
                ("POST", "/v1/chat/completions"),
                ("GET", "/v1/models"),
                ("GET", "/metrics"),
            ):
                response = await client.request(method, path, headers=headers)
                assert response.status_code == 401, (headers, path)


def test_settings_of_the_node_do_not_make_it_a_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_ENV", "production")
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://gateway:x@postgres/gateway")
    monkeypatch.setenv("GATEWAY_AUTH__KEYS_DIR", "/var/lib/gateway/keys")
    monkeypatch.setenv("GATEWAY_LIMITS__REQUESTS_PER_MINUTE", "3")
    settings = engine_settings({"limits": {"max_in_flight": 7}}, tmp_path)
    assert settings.env == "development"
    assert settings.effective_database_url.startswith(f"sqlite+aiosqlite:///{tmp_path}")
    assert settings.keys_dir.is_relative_to(tmp_path)
    assert settings.limits.requests_per_minute > 1000
    assert settings.limits.max_in_flight == 7


async def test_a_replica_that_can_no_longer_serve_is_not_healthy() -> None:
    """To Ray Serve, which replaces it, and to gateways, which need no key to find out."""
    replica = EngineReplica(SCRIPTED, digest_of(KEY))
    application = replica.__serve_build_asgi_app__()
    assert isinstance(application, EngineApplication)
    async with lifespan_of(application), client_of(application) as client:
        replica.check_health()
        assert (await client.get("/health")).status_code == 200
        await application.services.backend.aclose(0)
        with pytest.raises(RuntimeError):
            replica.check_health()
        assert (await client.get("/health")).status_code == 503
