"""A deterministic backend without a model, for benchmarks and for tests of the gateway.

Where the configured reply contains `{prompt}`, it echoes a description of the request, so that a test can see
that text, pixels and samples arrived.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace

from inference.backend import DeltaStream
from inference.backends.places import Places
from inference.config import ScriptedConfig, ScriptedReply
from inference.constraints.bounds import check_bounds
from inference.errors import BackendUnavailable, PromptTooLong
from inference.model_card import ModelCard
from inference.status import BackendStatus, DeviceLoad, WorkerStatus
from inference.types import (
    Audio,
    Delta,
    FinishReason,
    GenerationRequest,
    Image,
    Text,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

CONTEXT_LENGTH = 4096
WORKER_NAME = "0"
TOKENS_PER_IMAGE = 64
TOKENS_PER_AUDIO_SECOND = 25


class ScriptedBackend:
    """Emits its reply word by word: reasoning, text, then the arguments of tool calls.

    One word counts as one token. It does not check what it emits against the request's output format.
    """

    def __init__(self, config: ScriptedConfig) -> None:
        self._config = config
        modalities = frozenset({"text", "image", "audio"})
        self._model_card = ModelCard(
            config.model_name,
            CONTEXT_LENGTH,
            modalities,
            created=1_760_000_000,
            has_reasoning=True,
            has_tools=True,
        )
        self._places = Places(config.max_concurrency, config.max_waiting)
        self._is_open = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._aborts_at = float("inf")

    @property
    def model_card(self) -> ModelCard:
        return self._model_card

    async def start(self) -> None:
        self._is_open = True

    def generate(self, request: GenerationRequest) -> DeltaStream:
        return self._generate(request)

    async def _generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        if not self._is_open:
            raise BackendUnavailable("the backend is closed")
        self._places.check(request.priority)
        check_bounds(request)
        prompt_tokens = count_prompt_tokens(request)
        max_tokens = request.sampling_params.max_tokens
        if request.fits_context:
            max_tokens = min(max_tokens, max(CONTEXT_LENGTH - prompt_tokens, 1))
        if prompt_tokens + max_tokens > CONTEXT_LENGTH:
            raise PromptTooLong(prompt_tokens, max_tokens, CONTEXT_LENGTH)
        self._idle.clear()
        try:
            remaining = min(request.deadline - time.monotonic(), 1e9)
            async with asyncio.timeout(remaining):
                place = await self._places.acquire(request)
        except TimeoutError:
            yield Delta(usage=Usage(prompt_tokens, 0))
            yield Delta(finish_reason="deadline", usage=Usage(prompt_tokens, 0))
            return
        finally:
            self._note_idle()
        timeline = request.timeline
        if timeline is not None:
            timeline.worker = WORKER_NAME
            timeline.begin(time.monotonic())
        try:
            reply = self._reply(request)
            used = Usage(prompt_tokens, 0, cached_tokens=min(reply.cached_tokens, prompt_tokens))
            yield Delta(usage=used)
            has_calls = bool(reply.tool_calls and request.tools and request.tool_choice != "none")
            finish_reason: FinishReason = "tool_calls" if has_calls else "stop"
            for word in _deltas(reply, request, has_calls):
                if self._config.step_seconds:
                    remaining = max(0.0, request.deadline - time.monotonic())
                    await asyncio.sleep(min(self._config.step_seconds, remaining))
                if ending := self._ending(request, word, used.completion_tokens, max_tokens):
                    finish_reason = ending
                    break
                used = used._replace(
                    completion_tokens=used.completion_tokens + 1,
                    reasoning_tokens=used.reasoning_tokens + bool(word.reasoning),
                )
                if timeline is not None:
                    is_first = used.completion_tokens == 1
                    timeline.note_step(time.monotonic(), prompt_tokens if is_first else 1, has_token=True)
                yield word._replace(usage=used)
            yield Delta(finish_reason=finish_reason, usage=used)
        finally:
            self._places.release(place)
            self._note_idle()

    def _reply(self, request: GenerationRequest) -> ScriptedReply:
        replies = self._config.replies or (ScriptedReply(self._config.reply),)
        turn = sum(message.role == "assistant" for message in request.messages)
        reply = replies[min(turn, len(replies) - 1)]
        return replace(reply, text=reply.text.replace("{prompt}", describe(request)))

    def _ending(
        self, request: GenerationRequest, delta: Delta, emitted: int, max_tokens: int
    ) -> FinishReason | None:
        """Returns the finish reason if `delta` must not be emitted."""
        now = time.monotonic()
        if emitted == max_tokens:
            return "length"
        if now >= request.deadline:
            return "deadline"
        if now >= self._aborts_at:
            return "aborted"
        return "stop" if delta.text and delta.text.removeprefix(" ") in request.sampling_params.stop else None

    def status(self) -> BackendStatus:
        worker = WorkerStatus(
            worker=WORKER_NAME,
            device="scripted",
            healthy=self._is_open,
            running=self._places.running,
            waiting=self._places.waiting,
            kv_used=self._places.running,
            kv_total=self._config.max_concurrency,
            waiting_batch=self._places.waiting_of_batch,
        )
        return BackendStatus((worker,))

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        return ()

    async def aclose(self, drain_seconds: float) -> None:
        self._is_open = False
        self._aborts_at = time.monotonic() + drain_seconds
        await self._idle.wait()

    def _note_idle(self) -> None:
        if not self._places.running and not self._places.waiting:
            self._idle.set()


def _deltas(reply: ScriptedReply, request: GenerationRequest, has_calls: bool) -> Iterator[Delta]:
    keep_tags = request.keep_tags and bool(reply.reasoning)
    for piece in _words(f"<think>{reply.reasoning}</think>" if keep_tags else reply.reasoning):
        yield Delta(reasoning=piece)
    answer = reply.text
    if keep_tags:
        answer = f"<answer>{answer}" + ("" if answer.startswith(("do(", "finish(")) else "</answer>")
    for piece in _words(answer):
        yield Delta(piece, logprobs=_logprobs(piece, request.sampling_params.logprobs))
    if not has_calls:
        return
    calls = reply.tool_calls if request.parallel_tool_calls else reply.tool_calls[:1]
    for index, (name, arguments) in enumerate(calls):
        yield Delta(tool_calls=(ToolCallDelta(index, f"call_{request.request_id}_{index}", name),))
        for piece in _words(arguments):
            yield Delta(tool_calls=(ToolCallDelta(index, arguments=piece),))


def _words(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)] if text else []


def _logprobs(piece: str, count: int | None) -> tuple[TokenLogprob, ...]:
    """The emitted word is the likeliest; each alternative has an `e`-th of the probability of the last."""
    if count is None:
        return ()
    words = [piece, *(f"{piece}{index}" for index in range(1, count))]
    top = [TokenLogprob(word, word.encode(), -0.5 - rank) for rank, word in enumerate(words)]
    return (replace(top[0], top=tuple(top[:count])),)


def count_prompt_tokens(request: GenerationRequest) -> int:
    count = 0
    for message in request.messages:
        for part in message.parts:
            match part:
                case Text(text):
                    count += text.count(" ") + 1
                case Image():
                    count += TOKENS_PER_IMAGE
                case Audio(samples, sample_rate):
                    count += 1 + len(samples) * TOKENS_PER_AUDIO_SECOND // sample_rate
    return count


def describe(request: GenerationRequest) -> str:
    """Returns a description of the request's parts: `user: hello image(480x640)`."""
    words: list[str] = [request.task]
    for message in request.messages:
        words.append(f"{message.role}:")
        words += [f"{call.name}({call.arguments})" for call in message.tool_calls]
        for part in message.parts:
            match part:
                case Text(text):
                    words.append(text)
                case Image(pixels):
                    height, width, _ = pixels.shape
                    words.append(f"image({width}x{height})")
                case Audio(samples, sample_rate):
                    words.append(f"audio({len(samples) / sample_rate:.1f}s)")
    return " ".join(words)
