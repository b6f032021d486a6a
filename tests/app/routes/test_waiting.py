"""What a stream says while its request waits for the engine."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator

import pytest

from inference import Delta, DeltaStream, GenerationRequest, QueueFull, Wait
from inference.backends.scripted import ScriptedBackend
from inference.config import ScriptedConfig

from ..conftest import StartGateway
from ..gateway import Gateway, parse_events
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio

LIMITS = {"requests_per_minute": 1000, "concurrent_requests": 100}
MESSAGES = [{"role": "user", "content": "hello"}]
WAITING = Wait()


async def serve_one_at_a_time(start_gateway: StartGateway) -> tuple[Gateway, DeltaStream]:
    """A gateway whose only place is taken until the stream is closed."""
    gateway = await start_gateway(limits=LIMITS)
    backend = ScriptedBackend(ScriptedConfig(reply="one two three", max_concurrency=1))
    await backend.start()
    put_in_place(gateway, backend)
    assert [delta async for delta in backend.generate(GenerationRequest("first", ()))]
    running = backend.generate(GenerationRequest("second", ()))
    await anext(running)
    return gateway, running


def put_in_place(gateway: Gateway, backend: object) -> None:
    gateway.services = dataclasses.replace(gateway.services, backend=backend)
    gateway.app.state.services = gateway.services


async def body_of_stream(gateway: Gateway, path: str, notice: asyncio.Event, **fields: object) -> bytes:
    """The whole body. Sets `notice` when the stream says that it waits."""
    async with gateway.client.stream(
        "POST",
        path,
        headers=await gateway.headers() | {"Accept-Language": "zh-CN"},
        json={"stream": True, **fields},
    ) as response:
        assert response.status_code == 200
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if b"queued" in body:
                notice.set()
        return body


async def test_streams_that_wait_say_where_and_lose_nothing(start_gateway: StartGateway) -> None:
    gateway, running = await serve_one_at_a_time(start_gateway)
    await gateway.headers()
    notices = [asyncio.Event() for _ in range(4)]
    requests = (
        ("/chat", {"prompt": "hello"}),
        ("/chat", {"prompt": "hello", "resumable": True}),
        ("/v1/chat/completions", {"model": "scripted", "messages": MESSAGES}),
        ("/v1/responses", {"model": "scripted", "input": "hello"}),
    )
    streams = []
    async with asyncio.TaskGroup() as tasks:
        for number, ((path, fields), notice) in enumerate(zip(requests, notices, strict=True), 1):
            streams.append(tasks.create_task(body_of_stream(gateway, path, notice, **fields)))
            while gateway.services.backend.status().waiting < number:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.001)
        async with asyncio.timeout(20):
            for notice in notices:
                await notice.wait()
        await running.aclose()
    bodies = [stream.result() for stream in streams]
    for position, body in enumerate(bodies[:2], 1):
        first, *others = parse_events(body)
        assert first.name == "queued"
        assert not first.number
        assert first.data["position"] == position
        assert first.data["expected_wait_seconds"] >= position
        rest = [event for event in others if event.name != "queued"]
        assert [event.number for event in rest] == [str(number) for number in range(1, len(rest) + 1)]
        assert "".join(event.data.get("text", "") for event in rest) == "one two three"
        assert rest[-1].name == "done"
    assert b"\n: queued position=3 expected_wait_seconds=" in bodies[2]
    assert b"\n: queued position=4 expected_wait_seconds=" in bodies[3]
    assert not any(event.name for event in parse_events(bodies[2]))
    assert bodies[2].endswith(b"data: [DONE]\n\n")
    assert b"event: response.completed" in bodies[3]


class FullAfterAll:
    """Refuses a request after it has waited."""

    def __init__(self, gateway: Gateway) -> None:
        self._backend = gateway.services.backend
        self.refuses = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)

    def generate(self, request: GenerationRequest) -> DeltaStream:
        return self._generate(request)

    async def _generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        assert request.place is not None
        request.place.enter(lambda: None if self.refuses.is_set() else WAITING)
        await self.refuses.wait()
        raise QueueFull("its prompt is too long for what waits", 7)
        yield Delta()  # it makes this a generator


async def test_refusal_after_the_wait_is_an_event_in_the_shape_of_the_route(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(limits=LIMITS)
    backend = FullAfterAll(gateway)
    put_in_place(gateway, backend)
    await gateway.headers()
    notices = [asyncio.Event() for _ in range(3)]
    async with asyncio.TaskGroup() as tasks:
        streams = [
            tasks.create_task(body_of_stream(gateway, path, notice, **fields))
            for path, notice, fields in (
                ("/chat", notices[0], {"prompt": "hello"}),
                ("/v1/chat/completions", notices[1], {"model": "scripted", "messages": MESSAGES}),
                ("/v1/responses", notices[2], {"model": "scripted", "input": "hello"}),
            )
        ]
        async with asyncio.timeout(20):
            for notice in notices:
                await notice.wait()
        backend.refuses.set()
    native, chat, responses = (list(parse_events(stream.result())) for stream in streams)
    assert [event.name for event in native] == ["queued", "error"]
    assert native[0].data == {}, "what is unknown is left out"
    assert native[1].data["code"] == "overloaded"
    assert native[1].data["title"] == "服务不可用"
    assert chat[0].data["error"]["code"] == "overloaded"
    assert chat[0].data["error"]["message"].startswith("服务已满负荷。")
    assert [event.name for event in responses][-2:] == ["error", "response.failed"]
    await gateway.until_idle()
    refused = 'gateway_requests_total{outcome="refused",route="/chat",status_class="2xx"} 1.0'
    assert refused in gateway.services.metrics.expose().decode()
