"""The contract of `inference/backend.py`, tested on every backend."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from inference.backend import Backend
from inference.backends.in_process import InProcessBackend
from inference.backends.remote.backend import RemoteBackend
from inference.backends.scripted import ScriptedBackend
from inference.config import EngineConfig, RemoteConfig, RemoteEndpoint, ScriptedConfig
from inference.errors import BackendUnavailable, PromptTooLong, QueueFull, UnsupportedModality
from inference.timeline import Timeline
from inference.types import Delta, Image, Message, Text

from ...app.gateway import running_gateway
from ..fake_model import load_fake
from .conftest import GetEngine
from .remote.engines.canned_glm4 import REPLY
from .remote.engines.engine import ENGINES, SECONDS, Engine

pytestmark = pytest.mark.anyio

MAX_RUNNING = 16
NARROW = (1, 1)  # running, waiting
MakeBackend = Callable[..., Awaitable[Backend]]


@pytest.fixture(
    scope="module",
    params=[
        "scripted",
        "remote",
        "in_process",
        pytest.param("in_processes", marks=pytest.mark.slow),
        *(
            pytest.param(name, marks=[pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(SECONDS)])
            for name in ENGINES
        ),
    ],
)
def kind(request: pytest.FixtureRequest) -> str:
    """A backend, or an engine of others behind the remote one. Another gateway is the engine of "remote"."""
    return str(request.param)


@pytest.fixture(scope="module")
def engine(kind: str, get_engine: GetEngine) -> Engine | None:
    return get_engine(kind) if kind in ENGINES else None


@asynccontextmanager
async def started_backend(
    kind: str,
    directory: Path,
    max_running: int = MAX_RUNNING,
    max_waiting: int = 64,
    *,
    engine: Engine | None = None,
) -> AsyncIterator[Backend]:
    """One that responds to REPLY with the same text."""
    async with AsyncExitStack() as stack:
        backend: Backend
        if engine is not None:
            backend = RemoteBackend(
                RemoteConfig(
                    (RemoteEndpoint(engine.url),),
                    abilities=engine.kind.abilities,
                    max_outstanding=max_running + max_waiting,
                )
            )
        elif kind == "remote":
            limits = {"requests_per_minute": 100_000, "concurrent_requests": 10_000}
            gateway = await stack.enter_async_context(running_gateway(directory, limits=limits))
            key = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
            endpoint = RemoteEndpoint(f"http://127.0.0.1:{gateway.port}", key)
            backend = RemoteBackend(RemoteConfig((endpoint,), max_outstanding=max_running + max_waiting))
        elif kind == "scripted":
            backend = ScriptedBackend(
                ScriptedConfig(reply=REPLY, max_concurrency=max_running, max_waiting=max_waiting)
            )
        else:
            config = EngineConfig(
                max_running_requests=max_running,
                max_waiting_requests=max_waiting,
                kv_cache_tokens=8192,
                workers="threads" if kind == "in_process" else "processes",
            )
            backend = InProcessBackend(config, load=load_fake)
        stack.push_async_callback(backend.aclose, 0)
        await backend.start()
        yield backend


@pytest.fixture(scope="module")
async def shared_backends(
    anyio_backend: str, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Backend, Backend] | None]:
    """As `backend` and `narrow_backend`, where starting one takes seconds."""
    if kind != "in_processes":
        yield None
        return
    directory = tmp_path_factory.mktemp("engine")
    async with (
        started_backend(kind, directory) as backend,
        started_backend(kind, directory, *NARROW) as narrow_backend,
    ):
        yield backend, narrow_backend


@pytest.fixture
async def make_backend(kind: str, engine: Engine | None, tmp_path: Path) -> AsyncIterator[MakeBackend]:
    """Starts backends of the test's own; closes them after it."""
    async with AsyncExitStack() as stack:

        async def make(*bounds: int) -> Backend:
            return await stack.enter_async_context(started_backend(kind, tmp_path, *bounds, engine=engine))

        yield make


@pytest.fixture
async def backend(
    shared_backends: tuple[Backend, Backend] | None, make_backend: MakeBackend
) -> AsyncIterator[Backend]:
    """For tests that leave it as it was."""
    backend = shared_backends[0] if shared_backends else await make_backend()
    yield backend
    assert backend.status().is_ready
    assert load_of(backend) == (0, 0, 0)


@pytest.fixture
async def narrow_backend(
    shared_backends: tuple[Backend, Backend] | None, make_backend: MakeBackend
) -> Backend:
    """One response at a time, and one that waits."""
    return shared_backends[1] if shared_backends else await make_backend(*NARROW)


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


async def test_a_response_begins_empty_and_ends_with_reason_and_usage(backend, make_reply_request) -> None:
    deltas = await collect(backend, make_reply_request())
    assert is_beginning(deltas[0])
    assert "".join(delta.text for delta in deltas) == REPLY
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.prompt_tokens > 0
    assert all(delta.finish_reason is None for delta in deltas[:-1])
    assert not any(map(is_beginning, deltas[1:]))


async def test_a_timeline_has_the_begin_and_the_number_of_steps(backend, make_reply_request) -> None:
    timeline, asked_at = Timeline(), time.monotonic()
    deltas = await collect(backend, make_reply_request(timeline=timeline))
    times = (asked_at, timeline.begun_at, timeline.first_token_at, timeline.last_token_at, time.monotonic())
    assert list(times) == sorted(times)
    assert timeline.worker == "0"
    assert timeline.prefill_steps >= 1
    texts = sum(bool(delta.text) for delta in deltas)
    assert texts - 1 <= timeline.decode_steps <= deltas[-1].usage.completion_tokens


async def test_a_response_reports_usage_from_the_beginning(backend, make_reply_request) -> None:
    deltas = await collect(backend, make_reply_request())
    used = [delta.usage for delta in deltas if delta.usage]
    assert used[0].prompt_tokens == used[-1].prompt_tokens > 0 or used[0].is_estimate
    assert used[0].prompt_tokens > 0
    assert not used[-1].is_estimate
    assert used[0].completion_tokens == 0
    assert [usage.completion_tokens for usage in used] == sorted(usage.completion_tokens for usage in used)
    assert 0 < used[-2].completion_tokens <= used[-1].completion_tokens


async def test_max_tokens_ends_a_response_with_length(backend, make_reply_request) -> None:
    deltas = await collect(backend, make_reply_request(max_tokens=3))
    assert deltas[-1].finish_reason == "length"
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.completion_tokens == 3
    text = "".join(delta.text for delta in deltas)
    assert text
    assert REPLY.startswith(text)


async def test_concurrent_responses_do_not_mix(backend, make_reply_request) -> None:
    """Some wait for others to end."""
    responses = await asyncio.gather(
        *(collect(backend, make_reply_request()) for _ in range(MAX_RUNNING + 8))
    )
    assert {"".join(delta.text for delta in response) for response in responses} == {REPLY}
    assert load_of(backend) == (0, 0, 0)


async def test_the_model_card_is_valid_after_the_start(backend) -> None:
    assert backend.model_card.name
    assert backend.model_card.context_length > 0
    assert "text" in backend.model_card.modalities


async def test_a_started_backend_is_ready_and_idle(backend) -> None:
    assert backend.status().is_ready
    assert load_of(backend) == (0, 0, 0)


async def test_a_picture_is_accepted_or_refused_by_name(backend, make_reply_request) -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    messages = (Message("user", (Image(pixels), Text("what is it?"))),)
    if "image" not in backend.model_card.modalities:
        with pytest.raises(UnsupportedModality):
            await anext(backend.generate(make_reply_request(messages=messages)))
        return
    with_picture = await collect(backend, make_reply_request(messages=messages))
    alone = await collect(backend, make_reply_request(messages=(Message("user", (Text("what is it?"),)),)))
    assert with_picture[-1].usage is not None
    assert alone[-1].usage is not None
    assert with_picture[-1].usage.prompt_tokens > alone[-1].usage.prompt_tokens


async def test_a_prompt_that_does_not_fit_is_refused_before_the_first_delta(
    backend, make_reply_request
) -> None:
    with pytest.raises(PromptTooLong):
        await anext(backend.generate(make_reply_request(max_tokens=backend.model_card.context_length)))
    assert load_of(backend) == (0, 0, 0)


async def test_max_tokens_may_be_lowered_to_what_fits(backend, engine, make_reply_request) -> None:
    most = backend.model_card.context_length
    deltas = await collect(backend, make_reply_request(max_tokens=most, fits_context=True))
    assert "".join(delta.text for delta in deltas) == REPLY
    if engine is not None and not engine.kind.refuses_long_prompts:
        return
    with pytest.raises(PromptTooLong) as caught:
        await anext(
            backend.generate(make_reply_request(text="word " * most, max_tokens=most, fits_context=True))
        )
    assert caught.value.max_tokens == 1


async def test_closing_the_response_frees_the_request(backend, make_reply_request) -> None:
    response = backend.generate(make_reply_request())
    assert is_beginning(await anext(response))
    assert load_of(backend)[0] == 1
    await response.aclose()
    assert load_of(backend) == (0, 0, 0)


async def test_a_cancelled_caller_frees_the_request(narrow_backend, make_reply_request) -> None:
    backend = narrow_backend
    running = backend.generate(make_reply_request())
    await anext(running)
    waiting = asyncio.create_task(collect(backend, make_reply_request()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await running.aclose()
    assert load_of(backend) == (0, 0, 0)


async def test_a_stream_that_is_never_read_costs_nothing(backend, make_reply_request) -> None:
    await backend.generate(make_reply_request()).aclose()
    assert load_of(backend) == (0, 0, 0)


async def test_a_passed_deadline_ends_the_response(backend, make_reply_request) -> None:
    deltas = await collect(backend, make_reply_request(deadline=time.monotonic() - 1))
    assert is_beginning(deltas[0])
    assert deltas[-1].finish_reason == "deadline"
    assert deltas[-1].usage is not None
    assert load_of(backend) == (0, 0, 0)


async def test_a_full_queue_refuses(narrow_backend, make_reply_request) -> None:
    backend = narrow_backend
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
