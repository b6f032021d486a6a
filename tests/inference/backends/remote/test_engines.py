"""The remote backend and real engines of others: what they are asked, what they refuse, and how they fail.

What every backend promises is tested in `test_contract.py`, with these engines too.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from inference.backend import Backend
from inference.backends.in_process import InProcessBackend
from inference.backends.remote.backend import RemoteBackend
from inference.build import build_backend
from inference.config import BackendConfig, EngineConfig, RemoteConfig, RemoteEndpoint
from inference.errors import (
    BackendUnavailable,
    GenerationFailed,
    UnsupportedModality,
    UnsupportedParameter,
)
from inference.types import (
    Audio,
    Delta,
    Image,
    JsonSchemaOutput,
    Message,
    NamedTool,
    Text,
    ToolDefinition,
)

from ...tiny_checkpoints import write_glm4
from ..conftest import GetEngine
from .engine_server import STREAM_HEAD, Behaviour, Exchange, engine_server, event, response, sends
from .engines.canned_glm4 import REPLY, THOUGHT
from .engines.embedded_text_part import write_text_part
from .engines.engine import ENGINES, SECONDS, Engine

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(SECONDS)]

SECRET = "s3cret"
CHAT = "/v1/chat/completions"
EVENTS = 3  # of an engine's that arrive before the fault: one with the role, and some text

Spoil = Callable[[Exchange], Awaitable[None]]
Connect = Callable[..., Awaitable[Backend]]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, get_engine: GetEngine) -> Engine:
    return get_engine(request.param)


@pytest.fixture
def llama_cpp(get_engine: GetEngine) -> Engine:
    return get_engine("llama_cpp")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """A backend in front of the engine, and of servers between the two that behave like this."""
    async with AsyncExitStack() as stack:

        async def connect(engine: Engine, *behaviours: Behaviour, alone: bool = False, **config: object):
            between = [await stack.enter_async_context(engine_server(behave)) for behave in behaviours]
            urls = [each.url for each in between] + ([] if alone else [engine.url])
            endpoints = tuple(RemoteEndpoint(url, None, model) for url, model in _with_names(urls, engine))
            fields = {"abilities": engine.kind.abilities} | config
            backend = build_backend(BackendConfig(("remote",), remote=RemoteConfig(endpoints, **fields)))
            stack.push_async_callback(backend.aclose, 0)
            await backend.start()
            return backend

        yield connect


def _with_names(urls: list[str], engine: Engine) -> list[tuple[str, str]]:
    models = httpx.get(f"{engine.url}/v1/models", trust_env=False).json()["data"]
    return [(url, models[0]["id"]) for url in urls]


async def collect(backend: Backend, request) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def tokens_of(deltas: list[Delta]) -> list[bytes]:
    return [each.token_bytes for delta in deltas for each in delta.logprobs]


def reasoning_of(deltas: list[Delta]) -> str:
    return "".join(delta.reasoning for delta in deltas)


send_head = sends(STREAM_HEAD)


def relays(engine: Engine, spoil: Spoil | None = None, head: Spoil = send_head) -> Behaviour:
    """Passes the engine's stream on: `EVENTS` events and then what spoils it, or all of them."""

    async def behave(exchange: Exchange) -> None:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client,
            client.stream("POST", engine.url + CHAT, json=exchange.body) as stream,
        ):
            assert stream.status_code == 200
            await head(exchange)
            sent, rest = 0, b""
            async for piece in stream.aiter_bytes():
                *events, rest = (rest + piece).split(b"\n\n")
                for each in events:
                    if spoil is not None and sent == EVENTS:
                        return await spoil(exchange)
                    await exchange.send(each + b"\n\n")
                    sent += 1
        return None

    return behave


async def cut(exchange: Exchange) -> None:
    exchange.cut()


async def send_byte_by_byte(exchange: Exchange) -> None:
    for index in range(len(STREAM_HEAD)):
        await exchange.send(STREAM_HEAD[index : index + 1])
        await asyncio.sleep(0)


async def send_half_a_head(exchange: Exchange) -> None:
    await exchange.send(STREAM_HEAD[:40])
    await exchange.is_left.wait()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(cut, id="a connection that is cut"),
        pytest.param(sends(b'data: {"choices": [{"del'), id="half an event"),
        pytest.param(sends(b"data: {nonsense\n\n"), id="garbage"),
        pytest.param(sends(event({"error": {"message": SECRET}})), id="an error"),
    ],
)
async def test_a_stream_that_breaks_is_one_error(engine, connect, make_request, spoil: Spoil) -> None:
    backend = await connect(engine, relays(engine, spoil), alone=True)
    text = ""
    deltas = backend.generate(make_request(REPLY))
    with pytest.raises(GenerationFailed) as caught:  # noqa: PT012 - what came before it counts too
        async for delta in deltas:
            text += delta.text
    assert text
    assert REPLY.startswith(text)
    assert SECRET not in str(caught.value)
    assert (backend.status().running, backend.status().waiting) == (0, 0)


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(sends(response(429, {}, Retry_After="3")), id="429"),
        pytest.param(sends(response(500, {"error": {"message": SECRET}})), id="500"),
        pytest.param(sends(b"nonsense\r\n\r\n"), id="garbage"),
        pytest.param(cut, id="a connection that is cut"),
    ],
)
async def test_before_the_first_event_the_engine_takes_over(engine, connect, make_request, behave) -> None:
    backend = await connect(engine, behave)
    for _ in range(2):  # one of them begins with what fails
        assert text_of(await collect(backend, make_request(REPLY))) == REPLY


async def test_slow_headers_are_waited_for_until_the_deadline(engine, connect, make_request) -> None:
    slow = await connect(engine, relays(engine, head=send_byte_by_byte), alone=True)
    assert text_of(await collect(slow, make_request(REPLY))) == REPLY
    endless = await connect(engine, relays(engine, head=send_half_a_head), alone=True)
    deltas = await collect(endless, make_request(REPLY, deadline=time.monotonic() + 0.5))
    assert (deltas[-1].finish_reason, text_of(deltas)) == ("deadline", "")


async def test_thoughts_are_apart_from_the_text(engine, connect, make_request) -> None:
    """llama.cpp has a member for them, the others write tags."""
    if "thinking" not in engine.kind.abilities:
        pytest.skip("this engine cannot be told to think")
    backend = await connect(engine)
    deltas = await collect(backend, make_request(REPLY, enable_thinking=True))
    assert (reasoning_of(deltas), text_of(deltas)) == (THOUGHT, REPLY)
    assert deltas[-1].usage.completion_tokens == len(f"{THOUGHT} {REPLY}".split()) + 3, "two tags and the end"
    assert not deltas[-1].usage.is_estimate


async def test_log_probabilities_are_those_of_the_engine(engine, connect, make_request) -> None:
    """The tokens are the words: the model draws nothing else."""
    if "logprobs" not in engine.kind.abilities:
        pytest.skip("this engine has none")
    backend = await connect(engine)
    deltas = await collect(backend, make_request(REPLY, logprobs=2))
    tokens = [each for delta in deltas for each in delta.logprobs]
    assert "".join(each.token for each in tokens).strip().startswith(REPLY)
    assert all(each.logprob > -0.01 for each in tokens)


async def test_a_schema_holds(llama_cpp, connect, make_request) -> None:
    backend = await connect(llama_cpp)
    schema = {"type": "object", "properties": {"app": {"enum": ["maps"]}}, "required": ["app"]}
    deltas = await collect(backend, make_request(REPLY, output_format=JsonSchemaOutput(schema)))
    assert json.loads(text_of(deltas)) == {"app": "maps"}


async def test_a_tool_is_called(llama_cpp, connect, make_request) -> None:
    """The engine's grammar leaves the model nothing else to write."""
    backend = await connect(llama_cpp)
    parameters = {"type": "object", "properties": {"app": {"enum": ["maps"]}}, "required": ["app"]}
    request = make_request(
        REPLY,
        tools=(ToolDefinition("open", "", parameters),),
        tool_choice=NamedTool("open"),
        parallel_tool_calls=False,
        max_tokens=200,
    )
    deltas = await collect(backend, request)
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert deltas[-1].finish_reason == "tool_calls"
    assert calls[0].name == "open"
    assert json.loads("".join(call.arguments for call in calls)) == {"app": "maps"}


@pytest.mark.parametrize("engine", ["llama_cpp", "vllm"], indirect=True)
async def test_what_a_real_engine_refuses_has_a_name(engine, connect, make_request) -> None:
    """The gateway is told that the engine takes it. (transformers ignores pictures without a word.)"""
    abilities = engine.kind.abilities | {"images"}
    backend = await connect(engine, abilities=abilities, recordings="input_audio")
    picture = Message("user", (Image(np.zeros((4, 4, 3), np.uint8)), Text("what?")))
    with pytest.raises(UnsupportedModality) as image:
        await collect(backend, make_request(messages=(picture,)))
    assert image.value.modality == "image"
    recording = (Message("user", (Audio(np.zeros(1600, np.float32)),)),)
    with pytest.raises(UnsupportedModality) as audio:
        await collect(backend, make_request(messages=recording))
    assert audio.value.modality == "audio"
    routed = await connect(engine, recordings="transcriptions")
    with pytest.raises(UnsupportedModality) as heard:
        await collect(routed, make_request(messages=recording, task="transcribe"))
    assert heard.value.modality == "audio"


async def test_transformers_refuses_a_member_by_name(get_engine, connect, make_request) -> None:
    engine = get_engine("transformers")
    backend = await connect(engine, abilities=engine.kind.abilities | {"top_k"})
    with pytest.raises(UnsupportedParameter) as refused:
        await collect(backend, make_request(top_k=5))
    assert refused.value.field == "top_k"


@pytest.mark.parametrize("name", ["llama_cpp", "transformers"])
async def test_an_engine_with_the_embedded_models_text_part(name, connect, make_request, tmp_path) -> None:
    """It writes what this gateway's engine writes, and its death is one error."""
    write_text_part(tmp_path)
    engine = Engine.start(name, tmp_path, tmp_path / "log")
    here = InProcessBackend(EngineConfig(model=str(tmp_path), kv_cache_tokens=4096))
    try:
        backend = await connect(engine)
        await here.start()
        for prompt in ("hello", "Open the settings.", "What is 2 + 3?"):
            expected = await collect(here, make_request(prompt, max_tokens=24))
            deltas = await collect(backend, make_request(prompt, max_tokens=24))
            assert text_of(deltas) == text_of(expected) != ""
            assert deltas[-1].finish_reason == expected[-1].finish_reason
            assert deltas[-1].usage.prompt_tokens == expected[-1].usage.prompt_tokens

        never_ends = ((4082, -100.0), (4084, -100.0))
        stream = backend.generate(make_request("hello", max_tokens=900, logit_bias=never_ends))
        assert (await anext(stream)).usage is not None
        engine.kill()
        with pytest.raises(GenerationFailed):
            [delta async for delta in stream]
        with pytest.raises(BackendUnavailable):
            await collect(backend, make_request("hello"))
        assert not backend.status().is_ready
        assert backend.status().running == 0
    finally:
        engine.kill()
        await here.aclose(0)


async def test_llama_cpp_writes_what_this_engine_writes(connect, make_request, tmp_path: Path) -> None:
    """From the same random weights."""
    write_glm4(tmp_path)
    engine = Engine.start("llama_cpp", tmp_path, tmp_path / "log")
    here = InProcessBackend(EngineConfig(model=str(tmp_path), kv_cache_tokens=1024))
    try:
        await here.start()
        backend: RemoteBackend = await connect(engine)
        expected = await collect(here, make_request("hello", max_tokens=40, logprobs=0))
        deltas = await collect(backend, make_request("hello", max_tokens=40, logprobs=0))
        written = tokens_of(expected)
        assert len(written) > 20
        assert b"".join(tokens_of(deltas)) == b"".join(written), "the parts of a character are one there"
    finally:
        engine.kill()
        await here.aclose(0)
