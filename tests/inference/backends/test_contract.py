"""The contract of `inference/backend.py`, tested on every backend."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from inference.backend import Backend
from inference.backends.in_process import InProcessBackend
from inference.backends.remote.backend import RemoteBackend
from inference.backends.scripted import ScriptedBackend
from inference.config import EngineConfig, RemoteConfig, RemoteEndpoint, ScriptedConfig
from inference.errors import BackendUnavailable, PromptTooLong, QueueFull
from inference.timeline import Timeline
from inference.types import Delta, Image, Message, Text

from ...app.gateway import running_gateway
from ..fake_model import FakeModel

pytestmark = pytest.mark.anyio

REPLY = "one two three four five six seven eight"
MakeBackend = Callable[..., Backend]


def load_fake(*arguments: object) -> FakeModel:
    return FakeModel()


@pytest.fixture(
    params=["scripted", "remote", "in_process", pytest.param("in_processes", marks=pytest.mark.slow)]
)
async def make_backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MakeBackend]:
    """Makes started backends that respond to REPLY with the same text; closes them after the test.

    The engine of the remote one is another gateway.
    """
    backends: list[Backend] = []
    engines = AsyncExitStack()

    async def make(max_running: int = 16, max_waiting: int = 64) -> Backend:
        backend: Backend
        if request.param == "remote":
            limits = {"requests_per_minute": 100_000, "concurrent_requests": 10_000}
            gateway = await engines.enter_async_context(running_gateway(tmp_path, limits=limits))
            key = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
            endpoint = RemoteEndpoint(f"http://127.0.0.1:{gateway.port}", key)
            backend = RemoteBackend(RemoteConfig((endpoint,), max_outstanding=max_running + max_waiting))
        elif request.param == "scripted":
            backend = ScriptedBackend(
                ScriptedConfig(reply=REPLY, max_concurrency=max_running, max_waiting=max_waiting)
            )
        else:
            config = EngineConfig(
                max_running_requests=max_running,
                max_waiting_requests=max_waiting,
                kv_cache_tokens=8192,
                workers="threads" if request.param == "in_process" else "processes",
            )
            backend = InProcessBackend(config, load=load_fake)
        backends.append(backend)
        await backend.start()
        return backend

    yield make
    for backend in backends:
        await backend.aclose(0)
    await engines.aclose()


@pytest.fixture
def make_reply_request(make_request):
    return lambda **fields: make_request(**({"text": REPLY, "max_tokens": 100} | fields))


def is_beginning(delta: Delta) -> bool:
    return not (delta.text or delta.reasoning or delta.finish_reason) and delta.usage is not None


async def collect(backend: Backend, request) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


def load_of(backend: Backend) -> tuple[int, int, int]:
    status = backend.status()
    return status.running, status.waiting, sum(worker.kv_used for worker in status.workers)


async def test_a_response_begins_empty_and_ends_with_reason_and_usage(
    make_backend, make_reply_request
) -> None:
    backend = await make_backend()
    deltas = await collect(backend, make_reply_request())
    assert is_beginning(deltas[0])
    assert "".join(delta.text for delta in deltas) == REPLY
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.prompt_tokens > 0
    assert all(delta.finish_reason is None for delta in deltas[:-1])
    assert not any(map(is_beginning, deltas[1:]))


async def test_a_timeline_has_the_begin_and_the_number_of_steps(make_backend, make_reply_request) -> None:
    backend, timeline, asked_at = await make_backend(), Timeline(), time.monotonic()
    deltas = await collect(backend, make_reply_request(timeline=timeline))
    times = (asked_at, timeline.begun_at, timeline.first_token_at, timeline.last_token_at, time.monotonic())
    assert list(times) == sorted(times)
    assert timeline.worker == "0"
    assert timeline.prefill_steps >= 1
    texts = sum(bool(delta.text) for delta in deltas)
    assert texts - 1 <= timeline.decode_steps <= deltas[-1].usage.completion_tokens


async def test_a_response_reports_usage_from_the_beginning(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    deltas = await collect(backend, make_reply_request())
    used = [delta.usage for delta in deltas if delta.usage]
    assert used[0].prompt_tokens == used[-1].prompt_tokens > 0 or used[0].is_estimate
    assert used[0].prompt_tokens > 0
    assert not used[-1].is_estimate
    assert used[0].completion_tokens == 0
    assert [usage.completion_tokens for usage in used] == sorted(usage.completion_tokens for usage in used)
    assert 0 < used[-2].completion_tokens <= used[-1].completion_tokens


async def test_max_tokens_ends_a_response_with_length(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    deltas = await collect(backend, make_reply_request(max_tokens=3))
    assert deltas[-1].finish_reason == "length"
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.completion_tokens == 3
    text = "".join(delta.text for delta in deltas)
    assert text
    assert REPLY.startswith(text)


async def test_concurrent_responses_do_not_mix(make_backend, make_reply_request) -> None:
    backend = await make_backend(max_running=4)
    responses = await asyncio.gather(*(collect(backend, make_reply_request()) for _ in range(12)))
    assert {"".join(delta.text for delta in response) for response in responses} == {REPLY}
    assert load_of(backend) == (0, 0, 0)


async def test_the_model_card_is_valid_after_the_start(make_backend) -> None:
    backend = await make_backend()
    assert backend.model_card.name
    assert backend.model_card.context_length > 0
    assert "text" in backend.model_card.modalities


async def test_a_started_backend_is_ready_and_idle(make_backend) -> None:
    backend = await make_backend()
    assert backend.status().is_ready
    assert load_of(backend) == (0, 0, 0)


async def test_a_picture_is_accepted(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    messages = (Message("user", (Image(pixels), Text("what is it?"))),)
    with_picture = await collect(backend, make_reply_request(messages=messages))
    alone = await collect(backend, make_reply_request(messages=(Message("user", (Text("what is it?"),)),)))
    assert with_picture[-1].usage is not None
    assert alone[-1].usage is not None
    assert with_picture[-1].usage.prompt_tokens > alone[-1].usage.prompt_tokens


async def test_a_prompt_that_does_not_fit_is_refused_before_the_first_delta(
    make_backend, make_reply_request
) -> None:
    backend = await make_backend()
    with pytest.raises(PromptTooLong):
        await anext(backend.generate(make_reply_request(max_tokens=backend.model_card.context_length)))
    assert load_of(backend) == (0, 0, 0)


async def test_max_tokens_may_be_lowered_to_what_fits(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    most = backend.model_card.context_length
    deltas = await collect(backend, make_reply_request(max_tokens=most, fits_context=True))
    assert "".join(delta.text for delta in deltas) == REPLY
    with pytest.raises(PromptTooLong) as caught:
        await anext(
            backend.generate(make_reply_request(text="word " * most, max_tokens=most, fits_context=True))
        )
    assert caught.value.max_tokens == 1


async def test_closing_the_response_frees_the_request(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    response = backend.generate(make_reply_request())
    assert is_beginning(await anext(response))
    assert load_of(backend)[0] == 1
    await response.aclose()
    assert load_of(backend) == (0, 0, 0)


async def test_a_cancelled_caller_frees_the_request(make_backend, make_reply_request) -> None:
    backend = await make_backend(max_running=1)
    running = backend.generate(make_reply_request())
    await anext(running)
    waiting = asyncio.create_task(collect(backend, make_reply_request()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await running.aclose()
    assert load_of(backend) == (0, 0, 0)


async def test_a_stream_that_is_never_read_costs_nothing(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    await backend.generate(make_reply_request()).aclose()
    assert load_of(backend) == (0, 0, 0)


async def test_a_passed_deadline_ends_the_response(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    deltas = await collect(backend, make_reply_request(deadline=time.monotonic() - 1))
    assert is_beginning(deltas[0])
    assert deltas[-1].finish_reason == "deadline"
    assert deltas[-1].usage is not None
    assert load_of(backend) == (0, 0, 0)


async def test_a_full_queue_refuses(make_backend, make_reply_request) -> None:
    backend = await make_backend(max_running=1, max_waiting=1)
    running = backend.generate(make_reply_request())
    await anext(running)
    responses = [asyncio.create_task(collect(backend, make_reply_request())) for _ in range(8)]
    await asyncio.wait(responses, return_when=asyncio.FIRST_COMPLETED)
    await running.aclose()
    outcomes = await asyncio.gather(*responses, return_exceptions=True)
    assert any(isinstance(outcome, QueueFull) for outcome in outcomes)
    assert all(isinstance(outcome, QueueFull | list) for outcome in outcomes)
    assert load_of(backend) == (0, 0, 0)


async def test_nothing_is_served_before_the_start_or_after_closing(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    await backend.aclose(0)
    assert not backend.status().is_ready
    with pytest.raises(BackendUnavailable):
        await anext(backend.generate(make_reply_request()))


async def test_closing_lets_a_running_response_finish(make_backend, make_reply_request) -> None:
    backend = await make_backend()
    response = backend.generate(make_reply_request())
    await anext(response)
    closing = asyncio.create_task(backend.aclose(30))
    deltas = [delta async for delta in response]
    assert deltas[-1].finish_reason == "stop"
    await closing
