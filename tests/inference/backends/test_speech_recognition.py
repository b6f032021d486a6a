"""A model without an audio tower after a speech-recognition model: transcripts replace recordings."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest

from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.errors import BackendUnavailable, GenerationFailed, InvalidCheckpoint
from inference.transcript_length import most_transcript_tokens
from inference.types import Audio, Delta, GenerationRequest, Message, Text

from ..fake_recogniser import LoadedFakeRecogniser, speak

pytestmark = pytest.mark.anyio


class WorkerKilled(BaseException):
    """Not an Exception, so that the engine does not catch it."""


@pytest.fixture
def recogniser() -> LoadedFakeRecogniser:
    return LoadedFakeRecogniser()


@pytest.fixture
def open_backend(make_model, recogniser: LoadedFakeRecogniser):
    """With the model that repeats its prompt."""

    @asynccontextmanager
    async def open_it(
        load_speech: Callable[..., LoadedFakeRecogniser] = lambda model, device: recogniser,
        modalities: frozenset[str] = frozenset({"text", "image"}),
    ) -> AsyncIterator[InProcessBackend]:
        model = make_model()
        model.modalities = modalities
        config = EngineConfig(kv_cache_tokens=4096, block_size=4, speech_recognition_model="recogniser")
        backend = InProcessBackend(config, lambda *arguments: model, load_speech)
        await backend.start()
        try:
            yield backend
        finally:
            await backend.aclose(0)

    return open_it


async def collect(backend: InProcessBackend, request) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def message_of(recording: Audio) -> tuple[Message, ...]:
    return (Message("user", (recording,)),)


@pytest.fixture
def during_transcription(open_backend, recogniser):
    """Yields the backend, a task whose recording is being transcribed, and an event to continue it."""

    @asynccontextmanager
    async def run(
        request: GenerationRequest,
    ) -> AsyncIterator[tuple[InProcessBackend, asyncio.Task[list[Delta]], threading.Event]]:
        has_begun, may_continue = threading.Event(), threading.Event()

        def wait() -> None:
            has_begun.set()
            assert may_continue.wait(30)

        recogniser.model.before_step = wait
        async with open_backend() as backend:
            generating = asyncio.create_task(collect(backend, request))
            await asyncio.to_thread(has_begun.wait, 30)
            yield backend, generating, may_continue

    return run


def is_idle(backend: InProcessBackend) -> bool:
    status = backend.status()
    blocks = [worker.kv_used for worker in (*status.workers, *status.speech_workers)]
    return not (status.running or status.waiting or any(blocks))


async def test_a_recording_is_transcribed_for_the_model(open_backend, make_request, recogniser) -> None:
    recording = speak("open the door")
    async with open_backend() as backend:
        assert backend.model_card.modalities == {"text", "image", "audio"}
        transcript = await collect(backend, make_request(messages=message_of(recording), task="transcribe"))
        assert text_of(transcript) == "open the door"
        assert transcript[-1].usage.completion_tokens == 14
        response = await collect(backend, make_request(messages=message_of(recording)))
        assert text_of(response) == "open the door"
        assert response[0] == Delta(usage=response[0].usage)
        assert len(recogniser.model.windows) == 1, "it was transcribed twice"
        assert response[-1].usage.prompt_tokens == len("open the door") + 1
        assert is_idle(backend)


async def test_the_transcript_replaces_the_recording(open_backend, make_request) -> None:
    messages = (
        Message("user", (Text("he said: "), speak("hello"), Text(" and then: "), speak("bye"))),
        Message("user", (Text("!"),)),
    )
    async with open_backend() as backend:
        response = await collect(backend, make_request(messages=messages))
    assert text_of(response) == "he said: hello and then: bye!"
    assert response[-1].finish_reason == "stop"
    whole = len(text_of(response))
    assert response[-1].usage.completion_tokens == len(" hello") + len(" bye") + whole + 1
    assert response[-1].usage.prompt_tokens == 1 + 1 + whole + 1


async def test_a_recording_inside_a_chat_has_few_tokens_for_its_length(open_backend, make_request) -> None:
    async with open_backend() as backend:
        response = await collect(backend, make_request(messages=message_of(speak("word " * 12))))
    assert text_of(response) == "word word word w"
    assert len(" word word word w") == most_transcript_tokens(0.001) == 17


async def test_a_request_without_recordings_is_unchanged(open_backend, make_request, recogniser) -> None:
    async with open_backend() as backend:
        assert text_of(await collect(backend, make_request("hi"))) == "hi"
    assert not recogniser.model.windows


async def test_a_model_with_an_audio_tower_gets_the_recording(open_backend, make_request, recogniser) -> None:
    async with open_backend(modalities=frozenset({"text", "audio"})) as backend:
        assert backend.status().speech_workers == ()
        with pytest.raises(Exception, match="does not take audio"):
            await collect(backend, make_request(messages=message_of(speak("hello"))))
    assert not recogniser.model.windows


async def test_a_transcript_is_freed_with_its_recording(open_backend, make_request) -> None:
    async with open_backend() as backend:
        recording = speak("a secret")
        request = make_request(messages=message_of(recording))
        await collect(backend, request)
        memory = weakref.ref(recording)
        del recording, request
        gc.collect()
        assert memory() is None


async def test_equal_recordings_of_two_requests_are_both_transcribed(
    open_backend, make_request, recogniser
) -> None:
    async with open_backend() as backend:
        for _ in range(2):
            assert (
                text_of(await collect(backend, make_request(messages=message_of(speak("hello"))))) == "hello"
            )
    assert len(recogniser.model.windows) == 2


async def test_a_recording_that_fails_frees_everything(open_backend, make_request, recogniser) -> None:
    def fail() -> None:
        raise RuntimeError("an operation failed")

    recogniser.model.before_step = fail
    async with open_backend() as backend:
        with pytest.raises(GenerationFailed):
            await collect(backend, make_request(messages=message_of(speak("hello"))))
        assert is_idle(backend)


async def test_a_passed_deadline_ends_before_the_model_runs(open_backend, make_request) -> None:
    async with open_backend() as backend:
        request = make_request(messages=message_of(speak("hello")), deadline=time.monotonic() - 1)
        deltas = await collect(backend, request)
        assert [delta.finish_reason for delta in deltas] == [None, "deadline"]
        assert is_idle(backend)


async def test_closing_refuses_new_requests_and_lets_transcriptions_finish(
    during_transcription, make_request
) -> None:
    messages = (Message("user", (speak("one "), speak("two"))),)
    async with during_transcription(make_request(messages=messages)) as (backend, generating, may_continue):
        closing = asyncio.create_task(backend.aclose(30))
        await asyncio.sleep(0)
        for request in (
            make_request("new"),
            make_request(messages=message_of(speak("new"))),
            make_request(messages=message_of(speak("new")), task="transcribe"),
        ):
            with pytest.raises(BackendUnavailable):
                await collect(backend, request)
        may_continue.set()
        assert text_of(await generating) == "one two"
        await closing
        assert not backend.status().is_ready


async def test_a_drain_that_is_too_short_aborts_transcriptions(
    during_transcription, make_request, recogniser
) -> None:
    messages = (Message("user", (speak("one "), speak("two"))),)
    async with during_transcription(make_request(messages=messages)) as (backend, generating, may_continue):
        closing = asyncio.create_task(backend.aclose(0))
        for _ in range(20):  # until its wait has timed out, in the event loop's thread alone
            await asyncio.sleep(0)
        may_continue.set()
        assert (await generating)[-1].finish_reason == "aborted"
        await closing
    assert len(recogniser.model.windows) == 1


@pytest.mark.parametrize("task", ["chat", "transcribe"])
async def test_disconnecting_during_a_transcription_frees_everything(
    during_transcription, make_request, task: str
) -> None:
    request = make_request(messages=message_of(speak("hello")), task=task)
    async with during_transcription(request) as (backend, generating, may_continue):
        generating.cancel()
        may_continue.set()
        with pytest.raises(asyncio.CancelledError):
            await generating
        assert is_idle(backend)


async def test_a_killed_recogniser_is_restarted_and_transcribes_again(
    open_backend, make_request, recogniser
) -> None:
    kills = iter([True])

    def die() -> None:
        if next(kills, False):
            raise WorkerKilled

    recogniser.model.before_step = die
    async with open_backend() as backend:
        assert (
            text_of(await collect(backend, make_request(messages=message_of(speak("still here")))))
            == "still here"
        )
        assert backend.status().is_ready
        assert all(worker.healthy for worker in backend.status().speech_workers)


async def test_a_model_that_cannot_be_loaded_ends_the_start(open_backend) -> None:
    def load(model: str, device: str) -> LoadedFakeRecogniser:
        raise InvalidCheckpoint(f"The speech recognition model {model} is not a Whisper model.")

    with pytest.raises(InvalidCheckpoint, match="recogniser is not a Whisper model"):
        async with open_backend(load):
            pass


async def test_a_model_that_cannot_be_loaded_ends_the_recogniser_too(recogniser) -> None:
    def load(*arguments: object) -> NoReturn:
        raise InvalidCheckpoint("The model directory is empty.")

    before = set(threading.enumerate())
    backend = InProcessBackend(
        EngineConfig(speech_recognition_model="recogniser"), load, lambda *_: recogniser
    )
    with pytest.raises(InvalidCheckpoint, match="empty"):
        await backend.start()
    assert set(threading.enumerate()) == before
