"""Transcribes recordings for a model without an audio tower. Imports no torch."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Protocol
from weakref import WeakKeyDictionary

from inference.backend import DeltaStream
from inference.errors import UnsupportedModality
from inference.model_card import ModelCard
from inference.status import BackendStatus
from inference.transcript_length import most_transcript_tokens
from inference.types import Audio, Delta, GenerationRequest, Message, Part, SamplingParams, Text, Usage


class Generates(Protocol):
    """A backend, or the pool of one."""

    def generate(self, request: GenerationRequest) -> DeltaStream: ...


class Transcriber(Generates, Protocol):
    """Generates the transcript of a request's only recording: a pool, or a route of other engines."""

    async def start(self) -> ModelCard: ...

    def status(self) -> BackendStatus: ...

    async def aclose(self, drain_seconds: float) -> None: ...


class SpeechRecognition:
    """Created, started and closed by a backend, and used in the event loop's thread alone.

    The transcript of a recording is cached as long as the Audio object exists: `/speech` needs it twice.
    """

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        self._transcripts: WeakKeyDictionary[Audio, str] = WeakKeyDictionary()
        self._transcribing = 0  # requests that the model does not have yet
        self._all_transcribed = asyncio.Event()
        self._all_transcribed.set()

    async def start(self) -> ModelCard:
        """Returns the card of the speech-recognition model."""
        return await self._transcriber.start()

    def status(self) -> BackendStatus:
        return self._transcriber.status()

    async def aclose(self, drain_seconds: float) -> None:
        """Closes the transcriber after all recordings of all requests are transcribed, or `drain_seconds`."""
        started_at = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds):
                await self._all_transcribed.wait()
        await self._transcriber.aclose(max(0.0, drain_seconds - (time.monotonic() - started_at)))

    def respond(self, request: GenerationRequest, model: Generates) -> DeltaStream:
        """`model` takes no recordings: they are transcribed for it, or are all that was asked for."""
        if not request.recordings:
            return model.generate(request)
        return self.transcribe(request) if request.task == "transcribe" else self.generate(request, model)

    async def transcribe(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """Yields the transcript of the request's only recording. See `Backend.generate`."""
        recordings = request.recordings
        if len(recordings) != 1:
            raise UnsupportedModality("anything but one recording")
        words: list[str] = []
        async with aclosing(self._transcriber.generate(request)) as deltas:
            async for delta in deltas:
                words.append(delta.text)
                if delta.finish_reason in ("stop", "length"):
                    self._transcripts[recordings[0]] = "".join(words)
                yield delta

    async def generate(self, request: GenerationRequest, model: Generates) -> AsyncGenerator[Delta, None]:
        """Replaces each recording with its transcript, then generates. See `Backend.generate`."""
        self._transcribing += 1
        self._all_transcribed.clear()
        try:
            transcription, cut_off = await self._transcribe_all(request)
        finally:
            self._transcribing -= 1
            if not self._transcribing:
                self._all_transcribed.set()  # `aclose` goes on after the next await: `model` has it by then
        if cut_off is not None:
            yield Delta(usage=transcription)
            yield cut_off._replace(usage=transcription)
            return
        async with aclosing(model.generate(self._to_text(request))) as deltas:
            async for delta in deltas:
                yield delta if delta.usage is None else delta._replace(usage=_add(transcription, delta.usage))

    async def _transcribe_all(self, request: GenerationRequest) -> tuple[Usage, Delta | None]:
        """Returns the usage, and the last Delta if a deadline or a closing backend ended a transcription."""
        usage = Usage(0, 0)
        for recording in request.recordings:
            if recording in self._transcripts:
                continue
            async with aclosing(self.transcribe(_to_transcribe(request, recording))) as deltas:
                last = [delta async for delta in deltas][-1]
            usage = _add(usage, last.usage or Usage(0, 0))
            if recording not in self._transcripts:
                return usage, last
        return usage, None

    def _to_text(self, request: GenerationRequest) -> GenerationRequest:
        messages = [
            replace(each, parts=tuple(map(self._transcript_of, each.parts))) for each in request.messages
        ]
        return replace(request, messages=tuple(messages))

    def _transcript_of(self, part: Part) -> Part:
        return Text(self._transcripts[part]) if isinstance(part, Audio) else part


def _to_transcribe(request: GenerationRequest, recording: Audio) -> GenerationRequest:
    max_tokens = most_transcript_tokens(len(recording.samples) / recording.sample_rate)
    return replace(
        request,
        messages=(Message("user", (recording,)),),
        sampling_params=SamplingParams(max_tokens=max_tokens, temperature=0.0),
        task="transcribe",
        timeline=None,
    )


def _add(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
        one.cached_tokens + other.cached_tokens,
        is_estimate=one.is_estimate or other.is_estimate,
    )
