"""Calls of requests that have ended."""

import contextlib
import dataclasses
import gc

import httpx
import pytest

from app.http.call import Call
from inference import Backend, Delta, DeltaStream, GenerationRequest

from ..conftest import StartGateway

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("is_stream", [False, True])
async def test_request_leaves_nothing_for_the_garbage_collector(
    start_gateway: StartGateway, is_stream: bool
) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 100, "concurrent_requests": 10})
    headers = await gateway.headers()
    body = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "stream": is_stream}
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            response = await gateway.client.post("/v1/chat/completions", headers=headers, json=body)
            assert response.status_code == 200, response.text
        await gateway.until_idle()
        assert not [each for each in gc.get_objects() if isinstance(each, Call)]
    finally:
        gc.enable()


class FailingStream:
    """The deltas of another stream, which fails when it is closed, and reports that."""

    def __init__(self, deltas: DeltaStream, closed: list[int]) -> None:
        self._deltas = deltas
        self._closed = closed

    def __aiter__(self) -> "FailingStream":
        return self

    async def __anext__(self) -> Delta:
        return await anext(self._deltas)

    async def aclose(self) -> None:
        await self._deltas.aclose()
        self._closed.append(len(self._closed))
        raise ZeroDivisionError


class FailingBackend:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.closed: list[int] = []

    def generate(self, request: GenerationRequest) -> DeltaStream:
        return FailingStream(self._backend.generate(request), self.closed)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


async def test_everything_is_given_back_though_its_parts_fail(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 100, "concurrent_requests": 1})
    services = gateway.services
    backend = FailingBackend(services.backend)
    gateway.app.state.services = dataclasses.replace(services, backend=backend)
    headers = await gateway.headers()
    body = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "n": 2}
    with contextlib.suppress(httpx.RemoteProtocolError):  # the whole response may have been read, or not
        await gateway.client.post("/v1/chat/completions", headers=headers, json=body)
    assert backend.closed == [0, 1]
    await gateway.until_idle()
    gateway.app.state.services = services
    response = await gateway.client.post("/v1/chat/completions", headers=headers, json=body)
    assert response.status_code == 200, "the slot was not given back"
