"""The backend whose model runs elsewhere: chooses an engine for each request and follows its stream."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import count
from typing import Any, Final

import httpx
import orjson

from inference.backend import DeltaStream
from inference.backends.remote.chunk_reader import ChunkReader
from inference.backends.remote.client import TRANSPORT_ERRORS, make_client
from inference.backends.remote.endpoint import Endpoint, choose
from inference.backends.remote.engine_stream import EngineStream
from inference.backends.remote.health import check, watch
from inference.backends.remote.patience import Patience
from inference.backends.remote.refusals import EngineError, LostConnection, final_error
from inference.backends.remote.request_form import (
    body_of,
    check_abilities,
    estimate_prompt_tokens,
    has_media,
)
from inference.backends.remote.sent_request import SentRequest
from inference.config import RemoteConfig
from inference.constraints.bounds import check_bounds
from inference.errors import BackendUnavailable, GenerationFailed, PromptTooLong, QueueFull
from inference.model_card import ModelCard
from inference.status import BackendStatus, DeviceLoad
from inference.types import Delta, GenerationRequest, Priority
from inference.waitlist import Queued

MAX_ATTEMPTS: Final = 3
DEFAULT_CONTEXT_LENGTH: Final = 8192  # where the engines do not report it
ABORT_SECONDS: Final = 10.0  # for the readers of aborted streams to end
USAGE_SECONDS: Final = 2.0  # from the last text to the usage, which comes right after it


class RemoteBackend:
    """See `Backend`. A request goes to another engine only before the first event of its stream.

    Engines that are down do not keep it from starting: it is not ready then, and they are tried again.
    """

    def __init__(self, config: RemoteConfig) -> None:
        self._config = config
        self._endpoints = [Endpoint(str(index), each) for index, each in enumerate(config.endpoints)]
        self._client: httpx.AsyncClient | None = None
        self._watches: list[asyncio.Task[None]] = []
        self._requests: set[Patience] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._turns = count()
        self._is_open = False

    @property
    def model_card(self) -> ModelCard:
        config = self._config
        names = [config.model_name, *(endpoint.model for endpoint in self._endpoints)]
        lengths = [each.context_length for each in self._endpoints if each.context_length is not None]
        modalities = {"text"}
        if "images" in config.abilities:
            modalities.add("image")
        if config.recordings != "none":
            modalities.add("audio")
        return ModelCard(
            name=next((name for name in names if name), "remote"),
            context_length=config.context_length or min(lengths, default=DEFAULT_CONTEXT_LENGTH),
            modalities=frozenset(modalities),
            has_reasoning="thinking" in config.abilities,
            has_tools="tools" in config.abilities,
        )

    async def start(self) -> None:
        client = self._client = make_client(self._config)
        await asyncio.gather(*(check(client, endpoint) for endpoint in self._endpoints))
        self._watches = [
            asyncio.create_task(watch(client, endpoint, self._config.health_seconds))
            for endpoint in self._endpoints
        ]
        self._is_open = True

    def generate(self, request: GenerationRequest) -> DeltaStream:
        return self._generate(request)

    def status(self) -> BackendStatus:
        workers = [endpoint.status(is_open=self._is_open) for endpoint in self._endpoints]
        return BackendStatus(tuple(workers))

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        return ()

    async def aclose(self, drain_seconds: float) -> None:
        self._is_open = False
        try:
            async with asyncio.timeout(drain_seconds):
                await self._idle.wait()
        except TimeoutError:
            for patience in self._requests:
                patience.abort()
            with suppress(TimeoutError):  # a stream that nobody reads
                async with asyncio.timeout(ABORT_SECONDS):
                    await self._idle.wait()
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        if not self._is_open:
            raise BackendUnavailable("the backend is closed")
        check_bounds(request)
        check_abilities(request, self._config)
        prompt_tokens = estimate_prompt_tokens(request)
        max_tokens = self._max_tokens(request, prompt_tokens)
        reader = ChunkReader(request, prompt_tokens)
        has_begun, is_cut = False, False
        with self._noted(Patience(request.deadline)) as patience:
            try:
                async with self._opened(request, prompt_tokens, max_tokens, patience) as (stream, first):
                    _begin_timeline(request, stream.worker)
                    has_begun = True
                    yield Delta(usage=reader.usage)
                    async with aclosing(_follow(stream, first, reader, patience)) as deltas:
                        async for delta in deltas:
                            _note_step(request, delta, prompt_tokens)
                            yield delta
            except TimeoutError:
                is_cut = True
        if is_cut:
            if not has_begun:
                yield Delta(usage=reader.usage)
            yield reader.cut("aborted" if patience.is_aborted else "deadline")

    def _max_tokens(self, request: GenerationRequest, prompt_tokens: int) -> int:
        """Raises `PromptTooLong` where no prompt would fit. Otherwise the engine knows better what fits."""
        context_length, max_tokens = self.model_card.context_length, request.sampling_params.max_tokens
        if request.fits_context:
            left = context_length - prompt_tokens
            if max_tokens <= left:
                return max_tokens
            # The estimate may be too low, and what an engine refuses costs another attempt.
            return max(left - prompt_tokens, left // 2, 1)
        if max_tokens >= context_length:
            raise PromptTooLong(prompt_tokens, max_tokens, context_length)
        return max_tokens

    @contextmanager
    def _noted(self, patience: Patience) -> Iterator[Patience]:
        self._requests.add(patience)
        self._idle.clear()
        try:
            yield patience
        finally:
            self._requests.discard(patience)
            if not self._requests:
                self._idle.set()

    @asynccontextmanager
    async def _opened(
        self, request: GenerationRequest, prompt_tokens: int, max_tokens: int, patience: Patience
    ) -> AsyncIterator[tuple[EngineStream, Mapping[str, Any]]]:
        """The stream of an engine that has begun the request, and its first event. Tries up to three."""
        tried: list[Endpoint] = []
        errors: list[Exception] = []
        turn = next(self._turns)
        while len(errors) < MAX_ATTEMPTS:
            endpoint = self._choose(request.priority, tried, errors, turn)
            if endpoint is None:
                break
            tried.append(endpoint)
            queued = Queued(request)
            endpoint.requests.add(queued)
            if request.place is not None:
                request.place.enter(partial(endpoint.wait_of, queued))
            try:
                try:
                    opened = await self._open(endpoint, request, prompt_tokens, max_tokens, patience)
                except (QueueFull, EngineError, LostConnection) as error:
                    errors.append(error)
                    _note(endpoint, error)
                    continue
                endpoint.note_success()
                endpoint.requests.begin(queued)
                try:
                    yield opened
                except TRANSPORT_ERRORS as error:
                    if isinstance(error, TimeoutError):
                        raise
                    endpoint.note_error(f"it ended a stream ({type(error).__name__})")
                    raise GenerationFailed("the engine's connection was lost") from None
                except (EngineError, QueueFull) as error:
                    raise GenerationFailed(f"in the stream: {error}") from None
                finally:
                    await opened[0].aclose()
                return
            finally:
                endpoint.requests.end(queued)
        raise final_error(errors, min((each.pause_seconds for each in self._endpoints), default=0.0))

    def _choose(
        self, priority: Priority, tried: list[Endpoint], errors: list[Exception], turn: int
    ) -> Endpoint | None:
        """Repeats a lost request once at the only engine: it may have closed an idle connection."""
        usable = [each for each in self._endpoints if each.has_place(priority, self._config.max_outstanding)]
        if not usable:
            pauses = [each.requests.retry_after_seconds() for each in self._endpoints]
            pause = min((each for each in pauses if each is not None), default=None)
            errors.append(QueueFull("every engine has as many requests as it may have", pause))
            return None
        endpoint = choose(usable, tried, turn)
        is_first_loss = len(errors) == 1 and isinstance(errors[0], LostConnection)
        if endpoint is None and is_first_loss:
            return choose(usable, (), turn)
        return endpoint

    async def _open(
        self,
        endpoint: Endpoint,
        request: GenerationRequest,
        prompt_tokens: int,
        max_tokens: int,
        patience: Patience,
    ) -> tuple[EngineStream, Mapping[str, Any]]:
        """If the engine has less context left than the estimate, it may choose `max_tokens` itself."""
        assert self._client is not None
        make_body = partial(body_of, request, self._config, endpoint.model or "", max_tokens)
        body = await asyncio.to_thread(make_body) if has_media(request) else make_body()
        context_length = self.model_card.context_length
        sent = SentRequest(body, prompt_tokens, max_tokens, context_length, request.fits_context)
        try:
            return await self._send(endpoint, sent, patience)
        except PromptTooLong:
            if not request.fits_context:
                raise
        del body["max_tokens"]
        return await self._send(endpoint, sent, patience)

    async def _send(
        self, endpoint: Endpoint, sent: SentRequest, patience: Patience
    ) -> tuple[EngineStream, Mapping[str, Any]]:
        assert self._client is not None
        content = orjson.dumps(sent.body)
        return await patience.wait(partial(EngineStream.open, self._client, endpoint, content, sent))


async def _follow(
    stream: EngineStream, first: Mapping[str, Any], reader: ChunkReader, patience: Patience
) -> AsyncGenerator[Delta, None]:
    """The deltas after the first, empty one. The usage comes after the finish reason, or not at all."""
    event: Mapping[str, Any] | None = first
    while event is not None:
        delta = reader.read(event)
        if delta is not None:
            yield delta
        if reader.finish_reason is None:
            event = await patience.wait(stream.next_event)
            continue
        if reader.has_engines_usage:
            break
        try:
            event = await Patience(time.monotonic() + USAGE_SECONDS).wait(stream.next_event)
        except (*TRANSPORT_ERRORS, GenerationFailed):
            break  # the text is whole
    yield reader.end()


def _note(endpoint: Endpoint, error: Exception) -> None:
    match error:
        case QueueFull(retry_after_seconds=seconds):
            endpoint.note_busy(seconds)
        case LostConnection(is_unreachable=True):
            endpoint.note_lost(f"it cannot be reached ({error})")
        case _:
            endpoint.note_error(str(error))


def _begin_timeline(request: GenerationRequest, worker: str) -> None:
    if request.timeline is not None:
        request.timeline.worker = worker
        request.timeline.begin(time.monotonic())


def _note_step(request: GenerationRequest, delta: Delta, prompt_tokens: int) -> None:
    timeline = request.timeline
    if timeline is not None and delta.has_output and delta.finish_reason is None:
        tokens = prompt_tokens if timeline.first_token_at is None else 1
        timeline.note_step(time.monotonic(), tokens, has_token=True)
