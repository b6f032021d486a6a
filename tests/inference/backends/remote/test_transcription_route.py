"""Recordings for a remote engine: through a route of transcriptions, or a model that runs here."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from email.parser import BytesParser
from email.policy import HTTP

import numpy as np
import pytest

from inference.backend import Backend
from inference.build import build_backend
from inference.config import BackendConfig, EngineConfig, RemoteConfig, RemoteEndpoint
from inference.errors import (
    BackendUnavailable,
    GenerationFailed,
    InferenceError,
    QueueFull,
    UnsupportedModality,
)
from inference.types import Audio, Delta, Message, Text, Usage

from ...tiny_whisper import SECOND, write_whisper
from .engine_server import Behaviour, EngineServer, Exchange, engine_server, response, sends, whole

pytestmark = pytest.mark.anyio

SECONDS = 10.0
SECRET = "s3cret"
TOKENS = {"type": "tokens", "input_tokens": 30, "output_tokens": 4, "total_tokens": 34}

Start = Callable[..., "asyncio.Future[tuple[Backend, list[EngineServer]]]"]


def says(text: str, **members: object) -> Behaviour:
    """Sends a transcript, and streams completions like any engine."""

    async def behave(exchange: Exchange) -> None:
        if exchange.body:
            await whole(exchange)
        else:
            await exchange.send(response(200, {"text": text} | members))

    return behave


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts an engine for the model, one for each other behaviour, and a backend that transcribes there.

    Without others the first engine is to transcribe.
    """
    stack = AsyncExitStack()

    async def start(
        model: Behaviour, *transcribers: Behaviour, **config: object
    ) -> tuple[Backend, list[EngineServer]]:
        engines = [
            await stack.enter_async_context(engine_server(behave)) for behave in (model, *transcribers)
        ]
        first, *others = (RemoteEndpoint(engine.url, f"key-{SECRET}") for engine in engines)
        fields = {"recordings": "transcriptions"} | config
        remote = RemoteConfig((first,), transcribers=tuple(others), **fields)
        backend = build_backend(BackendConfig(("remote",), remote=remote))
        stack.push_async_callback(backend.aclose, 0)
        await backend.start()
        return backend, engines

    yield start
    await stack.aclose()


@pytest.fixture
def make_spoken(make_request):
    """A request with half a second of a recording, and no text."""
    messages = (Message("user", (Audio(np.zeros(SECOND // 2, np.float32)),)),)
    return lambda **fields: make_request(**({"messages": messages} | fields))


async def collect(backend: Backend, request) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def form_of(exchange: Exchange) -> dict[str, bytes]:
    head = f"Content-Type: {exchange.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + exchange.content)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in message.iter_parts()
    }


async def test_the_models_own_engine_transcribes(start, make_spoken) -> None:
    backend, (engine,) = await start(says("open the door", usage=TOKENS))
    assert backend.model_card.modalities == {"text", "image", "audio"}
    request = make_spoken(task="transcribe", language="de")
    deltas = await collect(backend, request)
    assert text_of(deltas) == "open the door"
    assert deltas[0].usage.completion_tokens == 0
    assert deltas[-1] == Delta(finish_reason="stop", usage=Usage(30, 4))
    (exchange,) = engine.exchanges
    assert exchange.headers["authorization"] == f"Bearer key-{SECRET}"
    form = form_of(exchange)
    assert (form["model"], form["language"], form["response_format"]) == (b"canned", b"de", b"json")
    assert form["file"][:4] == b"RIFF"
    assert len(form["file"]) == 44 + SECOND
    assert (backend.status().running, backend.status().speech_workers) == (0, ())


async def test_the_transcript_replaces_the_recording_in_a_chat(start, make_spoken) -> None:
    backend, (model, transcriber) = await start(whole, says("open the door", language="en"))
    spoken = Audio(np.zeros(SECOND, np.float32))
    message = Message("user", (Text("he said: "), spoken))
    deltas = await collect(backend, make_spoken(messages=(message,)))
    assert text_of(deltas) == "hello there"
    assert model.exchanges[0].body["messages"] == [{"role": "user", "content": "he said: open the door"}]
    assert len(transcriber.exchanges) == 1
    assert deltas[-1].usage.prompt_tokens == 7 + 31, "of the engine, and an estimate for the second"
    assert deltas[-1].usage.is_estimate
    assert [worker.healthy for worker in backend.status().speech_workers] == [True]
    again = await collect(backend, make_spoken(messages=(Message("user", (spoken,)),), task="transcribe"))
    assert (text_of(again), again[-1].language) == ("open the door", "en")


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(sends(response(500, {"error": {"message": SECRET}})), id="500"),
        pytest.param(sends(response(429, {}, Retry_After="3")), id="429"),
        pytest.param(sends(response(200, {"text": 3})), id="no text"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), id="half a body"),
        pytest.param(sends(b"nonsense\r\n\r\n"), id="no HTTP"),
    ],
)
async def test_another_engine_transcribes_instead(start, make_spoken, behave) -> None:
    backend, (_, failing, _) = await start(whole, behave, says("open the door"))
    for _ in range(2):  # one of them begins with the engine that fails
        assert text_of(await collect(backend, make_spoken(task="transcribe"))) == "open the door"
    assert len(failing.exchanges) == 1


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (sends(response(404, {"detail": SECRET})), UnsupportedModality),
        (sends(response(501, {"error": {"message": f"no audio {SECRET}"}})), UnsupportedModality),
        (
            sends(response(400, {"error": {"message": f"audio is not supported {SECRET}"}})),
            UnsupportedModality,
        ),
        (sends(response(400, {"error": {"message": f"the audio is too long {SECRET}"}})), GenerationFailed),
        (sends(response(503, {}, Retry_After="7")), QueueFull),
        (sends(response(200, SECRET)), GenerationFailed),
        (sends(b""), BackendUnavailable),
    ],
)
async def test_what_the_engine_says_is_not_shown(start, make_spoken, behave, error) -> None:
    backend, _ = await start(whole, behave)
    with pytest.raises(error) as caught:
        await collect(backend, make_spoken(task="transcribe"))
    assert isinstance(caught.value, InferenceError)
    assert SECRET not in repr(caught.value)
    assert getattr(caught.value, "retry_after_seconds", 7) in (7, 1)
    assert backend.status().running == backend.status().waiting == 0


async def test_a_deadline_ends_a_transcription(start, make_spoken) -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.is_left.wait()

    backend, (_, transcriber) = await start(whole, hang)
    for task in ("transcribe", "chat"):
        deltas = await collect(backend, make_spoken(task=task, deadline=time.monotonic() + 0.2))
        assert deltas[-1].finish_reason == "deadline"
        async with asyncio.timeout(SECONDS):
            await transcriber.exchanges[-1].is_left.wait()
    assert backend.status().running == backend.status().waiting == 0


async def test_closing_waits_for_a_transcription_and_refuses_others(start, make_spoken) -> None:
    may_end = asyncio.Event()

    async def end_late(exchange: Exchange) -> None:
        await may_end.wait()
        await says("open the door")(exchange)

    backend, (model, _) = await start(whole, end_late)
    running = asyncio.create_task(collect(backend, make_spoken()))
    while not backend.status().waiting:  # noqa: ASYNC110 - no event says it
        await asyncio.sleep(0)
    closing = asyncio.create_task(backend.aclose(SECONDS))
    await asyncio.sleep(0)
    with pytest.raises(BackendUnavailable):
        await collect(backend, make_spoken())
    may_end.set()
    assert text_of(await running) == "hello there"
    await closing
    assert len(model.exchanges) == 1


async def test_recordings_are_refused_where_nothing_transcribes_them(start, make_spoken) -> None:
    backend, (engine,) = await start(says("open the door"), recordings="auto")
    assert "audio" not in backend.model_card.modalities
    with pytest.raises(UnsupportedModality) as caught:
        await collect(backend, make_spoken())
    assert caught.value.modality == "audio"
    assert not engine.exchanges


async def test_transcribers_are_used_unless_a_setting_says_otherwise(start, make_spoken) -> None:
    backend, (_, transcriber) = await start(whole, says("open the door"), recordings="auto")
    await collect(backend, make_spoken())
    assert len(transcriber.exchanges) == 1


async def test_a_model_that_runs_here_transcribes(make_spoken, tmp_path) -> None:
    """A real Whisper, whose weights are random."""
    write_whisper(tmp_path)
    async with engine_server(whole) as engine:
        config = BackendConfig(
            ("remote",),
            engine=EngineConfig(speech_recognition_model=str(tmp_path)),
            remote=RemoteConfig((RemoteEndpoint(engine.url),)),
        )
        backend = build_backend(config)
        await backend.start()
        try:
            transcript = text_of(await collect(backend, make_spoken(task="transcribe", language="en")))
            assert transcript
            assert text_of(await collect(backend, make_spoken(language="en"))) == "hello there"
            assert backend.model_card.speech_fit.languages > {"en", "zh"}
            assert backend.model_card.name == "canned"
            assert backend.status().speech_workers
        finally:
            await backend.aclose(0)
        assert engine.exchanges[0].body["messages"][0]["content"] == transcript
