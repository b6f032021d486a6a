"""Transcribes recordings through the route `/v1/audio/transcriptions` of engines."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx
import orjson

from inference.backends.remote.bounded_body import read_bounded
from inference.backends.remote.client import TRANSPORT_ERRORS
from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.engine_stream import lost
from inference.backends.remote.engines import Engines
from inference.backends.remote.media_form import wave_file
from inference.backends.remote.refusals import EngineError, refusal_of_recording
from inference.backends.remote.request_form import estimate_prompt_tokens, estimate_text_tokens
from inference.model_card import ModelCard
from inference.status import BackendStatus
from inference.types import Delta, GenerationRequest, Usage

MAX_BODY_BYTES: Final = 1 << 20
MAX_TOKENS: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine returned. It is whole: there is nothing to close."""

    text: str
    language: str
    usage: Usage

    async def aclose(self) -> None: ...


class TranscriptionRoute:
    """See `Transcriber`. Starts and closes its engines, unless they are those of the model (`is_shared`)."""

    def __init__(self, engines: Engines, *, is_shared: bool) -> None:
        self._engines = engines
        self._is_shared = is_shared

    async def start(self) -> ModelCard:
        if not self._is_shared:
            await self._engines.start()
        return ModelCard("transcriptions", 0, frozenset({"audio"}))

    def status(self) -> BackendStatus:
        return BackendStatus(() if self._is_shared else self._engines.status())

    async def aclose(self, drain_seconds: float) -> None:
        if not self._is_shared:
            await self._engines.aclose(drain_seconds)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """The whole transcript is one Delta. See `Backend.generate`."""
        self._engines.check_open()
        prompt_tokens = estimate_prompt_tokens(request)
        nothing = Usage(prompt_tokens, 0, is_estimate=True)
        with self._engines.patience(request.deadline) as patience:
            try:
                (audio,) = request.recordings
                recording = await asyncio.to_thread(wave_file, audio)

                async def send(client: httpx.AsyncClient, endpoint: Endpoint) -> Transcript:
                    read = partial(_transcribe, client, endpoint, recording, request.language, prompt_tokens)
                    return await patience.wait(read)

                async with self._engines.respond(request, patience, send) as transcript:
                    pass
            except TimeoutError:
                yield Delta(usage=nothing)
                yield Delta(finish_reason=patience.why_over, usage=nothing)
                return
        yield Delta(usage=nothing)
        if transcript.text:
            yield Delta(transcript.text, usage=transcript.usage)
        yield Delta(finish_reason="stop", usage=transcript.usage, language=transcript.language)


async def _transcribe(
    client: httpx.AsyncClient, endpoint: Endpoint, recording: bytes, language: str, prompt_tokens: int
) -> Transcript:
    fields = {"model": endpoint.model or "", "response_format": "json", "temperature": "0"}
    if language:
        fields["language"] = language
    request = client.build_request(
        "POST",
        endpoint.transcription_url,
        data=fields,
        files={"file": ("recording.wav", recording, "audio/wav")},
        headers={**endpoint.headers, "Accept": "application/json", "Accept-Encoding": "identity"},
    )
    try:
        response = await client.send(request, stream=True)
        try:
            body = await read_bounded(response.aiter_bytes(), MAX_BODY_BYTES)
        finally:
            await response.aclose()
    except TRANSPORT_ERRORS as error:
        raise lost(error) from None
    if response.status_code != 200:
        raise refusal_of_recording(response.status_code, response.headers, body.decode(errors="replace"))
    return _parse(body, prompt_tokens)


def _parse(body: bytes, prompt_tokens: int) -> Transcript:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise EngineError("the engine's transcript is not JSON with a text")
    language = value.get("language")
    return Transcript(
        text,
        language if isinstance(language, str) and len(language) == 2 else "",
        _usage(value.get("usage"), prompt_tokens, text),
    )


def _usage(usage: object, prompt_tokens: int, text: str) -> Usage:
    """The engine's, if it counts tokens and not seconds."""
    counts: Mapping[str, Any] = usage if isinstance(usage, Mapping) else {}
    prompt, completion = counts.get("input_tokens"), counts.get("output_tokens")
    if all(type(each) is int and 0 <= each < MAX_TOKENS for each in (prompt, completion)):
        return Usage(int(prompt or 0), int(completion or 0))
    return Usage(prompt_tokens, estimate_text_tokens(text), is_estimate=True)
