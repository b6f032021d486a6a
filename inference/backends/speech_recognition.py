"""Recordings become words before a model that cannot hear sees them. No tensors: the pool has those."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from weakref import WeakKeyDictionary

from inference.errors import UnsupportedModality
from inference.pool import Pool
from inference.status import BackendStatus
from inference.types import Audio, Delta, GenerationRequest, Message, Part, SamplingParams, Text, Usage

MAX_TRANSCRIPT_TOKENS = 2048  # of a recording inside a chat; one that is asked for has its own bound


class SpeechRecognition:
    """Created, started and closed by a backend, whose event loop's thread it stays in.

    A recording's words are remembered as long as the recording itself is: `/speech` asks for them
    twice, and nobody else has that object.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transcripts: WeakKeyDictionary[Audio, str] = WeakKeyDictionary()
        self._listeners = 0  # requests that are not yet handed to the model
        self._all_heard = asyncio.Event()
        self._all_heard.set()

    async def start(self) -> None:
        await self._pool.start()

    def status(self) -> BackendStatus:
        return self._pool.status()

    async def aclose(self, drain_seconds: float) -> None:
        """Closes the pool once all that is to be answered is heard: a request may have several recordings."""
        started_at = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds):
                await self._all_heard.wait()
        await self._pool.aclose(max(0.0, drain_seconds - (time.monotonic() - started_at)))

    async def transcribe(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """The words of the request's only recording, as `Backend.generate` would say them."""
        recordings = _recordings(request)
        if len(recordings) != 1:
            raise UnsupportedModality("anything but one recording")
        words: list[str] = []
        async with aclosing(self._pool.generate(request)) as deltas:
            async for delta in deltas:
                words.append(delta.text)
                if delta.finish_reason in ("stop", "length"):
                    self._transcripts[recordings[0]] = "".join(words)
                yield delta

    async def answer(self, request: GenerationRequest, pool: Pool) -> AsyncGenerator[Delta, None]:
        """Transcribes what is still unknown, and lets `pool` answer with words in the recordings' places."""
        self._listeners += 1
        self._all_heard.clear()
        try:
            heard, cut_off = await self._hear(request)
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._all_heard.set()  # `aclose` goes on after the next await, when `pool` has the request
        if cut_off is not None:
            yield Delta(usage=heard)
            yield replace(cut_off, usage=heard)
            return
        async with aclosing(pool.generate(self._write_out(request))) as deltas:
            async for delta in deltas:
                yield delta if delta.usage is None else replace(delta, usage=_add(heard, delta.usage))

    async def _hear(self, request: GenerationRequest) -> tuple[Usage, Delta | None]:
        """Returns what it took, and how it ended if its time was over or the backend was closing."""
        heard = Usage(0, 0)
        for recording in _recordings(request):
            if recording in self._transcripts:
                continue
            async with aclosing(self.transcribe(_to_transcribe(request, recording))) as deltas:
                last = [delta async for delta in deltas][-1]
            heard = _add(heard, last.usage or Usage(0, 0))
            if recording not in self._transcripts:
                return heard, last
        return heard, None

    def _write_out(self, request: GenerationRequest) -> GenerationRequest:
        messages = [replace(each, parts=tuple(map(self._to_words, each.parts))) for each in request.messages]
        return replace(request, messages=tuple(messages))

    def _to_words(self, part: Part) -> Part:
        return Text(self._transcripts[part]) if isinstance(part, Audio) else part


def has_recording(request: GenerationRequest) -> bool:
    return bool(_recordings(request))


def _recordings(request: GenerationRequest) -> list[Audio]:
    return [part for message in request.messages for part in message.parts if isinstance(part, Audio)]


def _to_transcribe(request: GenerationRequest, recording: Audio) -> GenerationRequest:
    return replace(
        request,
        messages=(Message("user", (recording,)),),
        sampling_params=SamplingParams(max_tokens=MAX_TRANSCRIPT_TOKENS, temperature=0.0),
        task="transcribe",
        timeline=None,
    )


def _add(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
    )
