"""A remote backend in front of engines that behave as a test says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from inference.backends.remote.backend import RemoteBackend
from inference.config import RemoteConfig, RemoteEndpoint
from inference.types import Delta, GenerationRequest

from .engine_server import Behaviour, EngineServer, engine_server

SECRET = "s3cret"

Start = Callable[..., Awaitable[tuple[RemoteBackend, list[EngineServer]]]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts an engine for each behaviour, and a backend for all of them."""
    stack = AsyncExitStack()

    async def start(*behaviours: Behaviour, **config: object) -> tuple[RemoteBackend, list[EngineServer]]:
        engines = [await stack.enter_async_context(engine_server(behave)) for behave in behaviours]
        endpoints = tuple(RemoteEndpoint(engine.url, f"key-{SECRET}") for engine in engines)
        backend = RemoteBackend(RemoteConfig(endpoints, **config))
        await backend.start()
        stack.push_async_callback(backend.aclose, 0)
        return backend, engines

    yield start
    await stack.aclose()


async def collect(backend: RemoteBackend, request: GenerationRequest) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)
