"""A model that cannot hear behind one that can: words stand where recordings were."""

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
from inference.types import Audio, Delta, GenerationRequest, Message, Text

from ..fake_recogniser import LoadedFakeRecogniser, speak

pytestmark = pytest.mark.anyio


class WorkerKilled(BaseException):
    """Not an Exception, so that nothing inside the engine survives it."""


@pytest.fixture
def ears() -> LoadedFakeRecogniser:
    return LoadedFakeRecogniser()


@pytest.fixture
def open_backend(make_model, ears: LoadedFakeRecogniser):
    """Over the model that says its prompt again."""

    @asynccontextmanager
    async def open_it(
        load_speech: Callable[..., LoadedFakeRecogniser] = lambda model, device: ears,
        modalities: frozenset[str] = frozenset({"text", "image"}),
    ) -> AsyncIterator[InProcessBackend]:
        model = make_model()
        model.modalities = modalities
        config = EngineConfig(kv_cache_tokens=4096, block_size=4, speech_recognition_model="ears")
        backend = InProcessBackend(config, lambda *arguments: model, load_speech)
        await backend.start()
        try:
            yield backend
        finally:
            await backend.aclose(0)

    return open_it


async def collect(backend: InProcessBackend, request) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


def said(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def heard(recording: Audio) -> tuple[Message, ...]:
    return (Message("user", (recording,)),)


@pytest.fixture
def while_heard(open_backend, ears):
    """Gives the backend, a task that is being heard, and what lets the recogniser go on."""

    @asynccontextmanager
    async def hear(
        request: GenerationRequest,
    ) -> AsyncIterator[tuple[InProcessBackend, asyncio.Task[list[Delta]], threading.Event]]:
        is_listening, may_go_on = threading.Event(), threading.Event()

        def wait() -> None:
            is_listening.set()
            assert may_go_on.wait(30)

        ears.model.before_step = wait
        async with open_backend() as backend:
            asking = asyncio.create_task(collect(backend, request))
            await asyncio.to_thread(is_listening.wait, 30)
            yield backend, asking, may_go_on

    return hear


def is_idle(backend: InProcessBackend) -> bool:
    status = backend.status()
    blocks = [worker.kv_used for worker in (*status.workers, *status.speech_workers)]
    return not (status.running or status.waiting or any(blocks))


async def test_a_recording_is_transcribed_and_answered(open_backend, make_request, ears) -> None:
    recording = speak("open the door")
    async with open_backend() as backend:
        assert backend.model_card.modalities == {"text", "image", "audio"}
        transcript = await collect(backend, make_request(messages=heard(recording), task="transcribe"))
        assert said(transcript) == "open the door"
        assert transcript[-1].usage.completion_tokens == 14
        answer = await collect(backend, make_request(messages=heard(recording)))
        assert said(answer) == "open the door"
        assert answer[0] == Delta(usage=answer[0].usage)
        assert len(ears.model.windows) == 1, "it was heard twice"
        assert answer[-1].usage.prompt_tokens == len("open the door") + 1
        assert is_idle(backend)


async def test_words_stand_where_the_recording_was(open_backend, make_request) -> None:
    messages = (
        Message("user", (Text("he said: "), speak("hello"), Text(" and then: "), speak("bye"))),
        Message("user", (Text("!"),)),
    )
    async with open_backend() as backend:
        answer = await collect(backend, make_request(messages=messages))
    assert said(answer) == "he said: hello and then: bye!"
    assert answer[-1].finish_reason == "stop"
    whole = len(said(answer))
    assert answer[-1].usage.completion_tokens == len(" hello") + len(" bye") + whole + 1
    assert answer[-1].usage.prompt_tokens == 1 + 1 + whole + 1


async def test_a_request_without_recordings_is_not_touched(open_backend, make_request, ears) -> None:
    async with open_backend() as backend:
        assert said(await collect(backend, make_request("hi"))) == "hi"
    assert not ears.model.windows


async def test_a_model_that_hears_is_left_to_itself(open_backend, make_request, ears) -> None:
    async with open_backend(modalities=frozenset({"text", "audio"})) as backend:
        assert backend.status().speech_workers == ()
        with pytest.raises(Exception, match="does not take audio"):
            await collect(backend, make_request(messages=heard(speak("hello"))))
    assert not ears.model.windows


async def test_words_are_forgotten_with_the_recording(open_backend, make_request) -> None:
    async with open_backend() as backend:
        recording = speak("a secret")
        request = make_request(messages=heard(recording))
        await collect(backend, request)
        memory = weakref.ref(recording)
        del recording, request
        gc.collect()
        assert memory() is None


async def test_equal_recordings_of_two_requests_are_both_heard(open_backend, make_request, ears) -> None:
    async with open_backend() as backend:
        for _ in range(2):
            assert said(await collect(backend, make_request(messages=heard(speak("hello"))))) == "hello"
    assert len(ears.model.windows) == 2


async def test_a_recording_that_fails_leaves_nothing(open_backend, make_request, ears) -> None:
    def fail() -> None:
        raise RuntimeError("an operation failed")

    ears.model.before_step = fail
    async with open_backend() as backend:
        with pytest.raises(GenerationFailed):
            await collect(backend, make_request(messages=heard(speak("hello"))))
        assert is_idle(backend)


async def test_a_passed_deadline_ends_before_the_model_is_asked(open_backend, make_request) -> None:
    async with open_backend() as backend:
        request = make_request(messages=heard(speak("hello")), deadline=time.monotonic() - 1)
        deltas = await collect(backend, request)
        assert [delta.finish_reason for delta in deltas] == [None, "deadline"]
        assert is_idle(backend)


async def test_closing_refuses_what_is_new_and_lets_what_is_being_heard_finish(
    while_heard, make_request
) -> None:
    messages = (Message("user", (speak("one "), speak("two"))),)
    async with while_heard(make_request(messages=messages)) as (backend, asking, may_go_on):
        closing = asyncio.create_task(backend.aclose(30))
        await asyncio.sleep(0)
        for request in (
            make_request("new"),
            make_request(messages=heard(speak("new"))),
            make_request(messages=heard(speak("new")), task="transcribe"),
        ):
            with pytest.raises(BackendUnavailable):
                await collect(backend, request)
        may_go_on.set()
        assert said(await asking) == "one two"
        await closing
        assert not backend.status().is_ready


async def test_a_drain_that_is_too_short_aborts_what_is_being_heard(while_heard, make_request, ears) -> None:
    messages = (Message("user", (speak("one "), speak("two"))),)
    async with while_heard(make_request(messages=messages)) as (backend, asking, may_go_on):
        closing = asyncio.create_task(backend.aclose(0))
        for _ in range(20):  # until it has given up waiting; no thread has a part in that
            await asyncio.sleep(0)
        may_go_on.set()
        assert (await asking)[-1].finish_reason == "aborted"
        await closing
    assert len(ears.model.windows) == 1


@pytest.mark.parametrize("task", ["chat", "transcribe"])
async def test_leaving_while_it_listens_leaves_nothing(while_heard, make_request, task: str) -> None:
    request = make_request(messages=heard(speak("hello")), task=task)
    async with while_heard(request) as (backend, asking, may_go_on):
        asking.cancel()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert is_idle(backend)


async def test_a_killed_recogniser_comes_back_and_hears_again(open_backend, make_request, ears) -> None:
    kills = iter([True])

    def die() -> None:
        if next(kills, False):
            raise WorkerKilled

    ears.model.before_step = die
    async with open_backend() as backend:
        assert said(await collect(backend, make_request(messages=heard(speak("still here"))))) == "still here"
        assert backend.status().is_ready
        assert all(worker.healthy for worker in backend.status().speech_workers)


async def test_a_model_that_cannot_be_loaded_ends_the_start(open_backend) -> None:
    def load(model: str, device: str) -> LoadedFakeRecogniser:
        raise InvalidCheckpoint(f"The speech recognition model {model} is not a Whisper model.")

    with pytest.raises(InvalidCheckpoint, match="ears is not a Whisper model"):
        async with open_backend(load):
            pass


async def test_a_model_that_cannot_be_loaded_leaves_no_ears_behind(ears) -> None:
    def load(*arguments: object) -> NoReturn:
        raise InvalidCheckpoint("The model directory is empty.")

    before = set(threading.enumerate())
    backend = InProcessBackend(EngineConfig(speech_recognition_model="ears"), load, lambda *_: ears)
    with pytest.raises(InvalidCheckpoint, match="empty"):
        await backend.start()
    assert set(threading.enumerate()) == before
