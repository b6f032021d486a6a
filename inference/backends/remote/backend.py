"""The backend whose model runs elsewhere: sends each request to an engine and follows its stream."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import orjson

from inference.backend import DeltaStream
from inference.backends.remote.chunk_reader import ChunkReader
from inference.backends.remote.client import TRANSPORT_ERRORS, EngineClient
from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.engine_stream import EngineStream
from inference.backends.remote.engines import Engines
from inference.backends.remote.patience import Patience
from inference.backends.remote.refusals import EngineError, MembersRefused
from inference.backends.remote.request_form import (
    body_of,
    check_abilities,
    estimate_prompt_tokens,
    fit_body,
    has_media,
    starts_in_thought,
)
from inference.backends.remote.sent_request import SentRequest
from inference.config import RemoteConfig
from inference.constraints.bounds import check_bounds
from inference.errors import GenerationFailed, PromptTooLong
from inference.joined_deltas import DeltaJoiner
from inference.model_card import ModelCard
from inference.status import BackendStatus, DeviceLoad
from inference.types import Delta, GenerationRequest

PLACEHOLDER_NAME: Final = "remote"
DEFAULT_CONTEXT_LENGTH: Final = 8192  # where the engines do not report it
MAX_FORMS: Final = 8  # of a request, until an engine takes its members
LENGTHS: Final = ("max_tokens", "max_completion_tokens")
USAGE_SECONDS: Final = 2.0  # from the last text to the usage, which comes right after it


class RemoteBackend:
    """See `Backend`. A request goes to another engine only before the first event of its stream.

    Engines that are down do not keep it from starting: it is not ready then, and they are tried again.
    """

    def __init__(self, config: RemoteConfig) -> None:
        self._config = config
        self.engines = Engines(config.endpoints, config)
        self._learned = self._learn()
        self._model_card = self._make_card()

    @property
    def model_card(self) -> ModelCard:
        """What engines report about it may change when one of them starts again."""
        learned = self._learn()
        if learned != self._learned:
            self._learned = learned
            self._model_card = self._make_card()
        return self._model_card

    def _learn(self) -> list[tuple[str | None, int | None]]:
        return [(endpoint.model, endpoint.context_length) for endpoint in self.engines.endpoints]

    def _make_card(self) -> ModelCard:
        """Takes much longer than seeing that nothing has changed, and each request reads it ten times."""
        config = self._config
        names = [config.model_name, *(model for model, _ in self._learned)]
        lengths = [length for _, length in self._learned if length is not None]
        self._knows_context = bool(config.context_length or lengths)
        modalities = {"text"}
        if "images" in config.abilities:
            modalities.add("image")
        if config.recordings == "input_audio":
            modalities.add("audio")
        name = next((name for name in names if name), None)
        return ModelCard(
            name=name or PLACEHOLDER_NAME,
            context_length=config.context_length or min(lengths, default=DEFAULT_CONTEXT_LENGTH),
            modalities=frozenset(modalities),
            has_reasoning="thinking" in config.abilities,
            has_tools="tools" in config.abilities,
            is_known=name is not None,
        )

    async def start(self) -> None:
        await self.engines.start()

    def generate(self, request: GenerationRequest) -> DeltaStream:
        return self._generate(request)

    def status(self) -> BackendStatus:
        return BackendStatus(self.engines.status())

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        return ()

    async def aclose(self, drain_seconds: float) -> None:
        await self.engines.aclose(drain_seconds)

    async def _generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        self.engines.check_open()
        check_bounds(request)
        check_abilities(request, self._config)
        prompt_tokens = estimate_prompt_tokens(request)
        max_tokens = self._max_tokens(request, prompt_tokens)
        is_in_thought = starts_in_thought(request, self._config)
        reader = ChunkReader(request, prompt_tokens, starts_in_thought=is_in_thought)
        has_begun, is_cut = False, False
        with self.engines.patience(request.deadline) as patience:
            open_stream = partial(self._open, request, prompt_tokens, max_tokens, patience)
            try:
                async with self.engines.respond(request, patience, open_stream) as stream:
                    _begin_timeline(request, stream.endpoint.name)
                    has_begun = True
                    yield Delta(usage=reader.usage, worker=stream.endpoint.name)
                    async with aclosing(_pieces(stream, reader, patience)) as pieces:
                        async for piece in pieces:
                            _note_step(request, prompt_tokens)
                            yield piece._replace(usage=reader.usage)
                    end = reader.end(is_done=stream.is_done)
                    if reader.has_only_end_of_thought and not self._config.starts_in_thought:
                        stream.endpoint.note_only_end_of_thought()
                    yield end
            except TimeoutError:
                is_cut = True
        if is_cut:
            if not has_begun:
                yield Delta(usage=reader.usage)
            yield reader.cut(patience.why_over)

    def _max_tokens(self, request: GenerationRequest, prompt_tokens: int) -> int | None:
        """None: the engine chooses, where its context is not known or the prompt seems to fill it.

        Raises `PromptTooLong` where no prompt would fit.
        """
        context_length, max_tokens = self.model_card.context_length, request.sampling_params.max_tokens
        left = context_length - prompt_tokens
        if not request.fits_context:
            if max_tokens >= context_length:
                raise PromptTooLong(prompt_tokens, max_tokens, context_length)
            return max_tokens
        if not self._knows_context:
            return None if max_tokens == context_length else max_tokens
        if max_tokens <= left:
            return max_tokens
        # The estimate may be too low, and what an engine refuses costs another attempt.
        return max(left - prompt_tokens, left // 2) if left > 1 else None

    async def _open(
        self,
        request: GenerationRequest,
        prompt_tokens: int,
        max_tokens: int | None,
        patience: Patience,
        client: EngineClient,
        endpoint: Endpoint,
    ) -> EngineStream:
        """Members that the engine does not know are left out, now and later.

        If it has less context left than the estimate, it may choose `max_tokens` itself.
        """
        make_body = partial(body_of, request, self._config, endpoint.model or "", max_tokens)
        body = await asyncio.to_thread(make_body) if has_media(request) else make_body()
        context_length = self.model_card.context_length
        params = request.sampling_params
        sent = SentRequest(
            body,
            prompt_tokens,
            params.max_tokens,
            context_length,
            request.fits_context,
            params.has_temperature,
        )
        for _ in range(MAX_FORMS):
            if endpoint.refused_members:
                fit_body(body, endpoint.refused_members, keeps_temperature=params.has_temperature)
            try:
                return await _send(client, endpoint, sent, patience)
            except MembersRefused as error:
                endpoint.note_refused_members(error.members)
            except PromptTooLong:
                if not request.fits_context or not body.keys() & LENGTHS:
                    raise
                for name in LENGTHS:
                    body.pop(name, None)
        raise EngineError("the engine refuses every form of the request")


async def _send(
    client: EngineClient, endpoint: Endpoint, sent: SentRequest, patience: Patience
) -> EngineStream:
    content = orjson.dumps(sent.body)
    return await patience.wait(partial(EngineStream.open, client, endpoint, content, sent))


async def _pieces(
    stream: EngineStream, reader: ChunkReader, patience: Patience
) -> AsyncGenerator[Delta, None]:
    """What the engine has generated. Text that has arrived together is one piece, but for the first."""
    joiner, has_output = DeltaJoiner(), False
    event: Mapping[str, Any] | None = stream.first
    try:
        while event is not None:
            delta = reader.read(event)
            if delta is not None and (before := joiner.add(delta)) is not None:
                yield before
            if not (has_output and stream.has_event) and (joined := joiner.take()) is not None:
                has_output = True
                yield joined
            if stream.has_event and reader.finish_reason is None:
                event = stream.take_event()
            else:
                event = await _next_event(stream, reader, patience)
    except Exception:  # about an event: the text before it has been generated
        if (joined := joiner.take()) is not None:
            yield joined
        raise
    if (joined := joiner.take()) is not None:
        yield joined


async def _next_event(
    stream: EngineStream, reader: ChunkReader, patience: Patience
) -> Mapping[str, Any] | None:
    """The usage comes after the finish reason, or not at all."""
    if reader.finish_reason is None:
        return await patience.wait(stream.next_event)
    if reader.has_final_usage:
        return None
    try:
        if stream.has_event:
            return stream.take_event()
        return await Patience(time.monotonic() + USAGE_SECONDS).wait(stream.next_event)
    except (*TRANSPORT_ERRORS, GenerationFailed):
        return None  # the text is whole


def _begin_timeline(request: GenerationRequest, worker: str) -> None:
    if request.timeline is not None:
        request.timeline.worker = worker
        request.timeline.begin(time.monotonic())


def _note_step(request: GenerationRequest, prompt_tokens: int) -> None:
    timeline = request.timeline
    if timeline is not None:
        tokens = prompt_tokens if timeline.first_token_at is None else 1
        timeline.note_step(time.monotonic(), tokens, has_token=True)
