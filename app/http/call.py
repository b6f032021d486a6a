"""One authenticated request in progress: its caller, its deadline, and everything that it has reserved.

Made by `app/http/guard.py`, which also closes it after the last byte of the response, or after any
error; a streamed body therefore owns nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from starlette.types import Scope

from app.auth.principal import Principal
from app.errors import ShuttingDown, TokensAboveQuota, TooManyImages
from app.http.exchange import Exchange
from app.http.generation import Generation
from app.http.running_calls import RunningCall
from app.http.services import Services
from app.limits.admission_queue import Place
from app.limits.limiter import Admission
from app.localisation import Language
from app.media.decoding import MediaBudget
from app.memory_budget import MemoryClaim
from app.record.request_record import RequestRecord
from app.record.request_trace import GenerationTrace
from app.user_limits import UserLimits
from inference import (
    BackendUnavailable,
    GenerationRequest,
    Image,
    Message,
    OutputFormat,
    QueueFull,
    QueuePlace,
    SamplingParams,
    Task,
    Text,
    ToolChoice,
    ToolDefinition,
    Wait,
)


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Of a generation, beyond its sampling. The names are those of `GenerationRequest`."""

    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    output_format: OutputFormat | None = None
    fits_context: bool = False
    keep_tags: bool = False


DEFAULT_OUTPUT: Final = OutputOptions()


@dataclass(slots=True)
class Call:
    """`deadline` is `time.monotonic()` seconds: when the engine must have stopped.

    `memory` is the guard's, which closes it after this.
    """

    services: Services
    principal: Principal
    record: RequestRecord
    deadline: float
    memory: MemoryClaim
    running: RunningCall
    exchange: Exchange
    admission: Admission | None = None
    _place: Place | None = None
    _waiting_at: QueuePlace | None = None
    _generations: list[Generation] = field(default_factory=list)

    @property
    def language(self) -> Language:
        """Of the errors in a stream."""
        return self.exchange.language

    @property
    def wait(self) -> Wait | None:
        """Of a generation that the engine has not begun; None if no engine has one waiting."""
        return None if self._waiting_at is None else self._waiting_at.look()

    @property
    def limits(self) -> UserLimits:
        """Of the user, with the token's own rate."""
        principal = self.principal
        own_limits = self.services.account_changes.own_limits_of(principal.user_id)
        limits = self.services.settings.limits.of_users.with_own(own_limits)
        return limits.with_token_rate(principal.token_id, principal.requests_per_minute)

    async def admit(self) -> None:
        """Takes from the user's limits. Raises what `Limiter.admit` raises."""
        with self.record.phase("check limits"):
            self.admission = await self.services.limiter.admit(self.principal.user_id, self.limits)
        self.exchange.limit_headers = self.admission.headers

    async def give_back_admission(self) -> None:
        """As if the request had not come, except for tokens that it has used. It does not run on."""
        self.exchange.limit_headers = {}
        for generation in self._generations:
            await generation.aclose()
        if self.admission is not None:
            await self.admission.give_back(tokens_used=self._tokens_used)

    def check_image_count(self, count: int) -> None:
        """Raises `TooManyImages`."""
        if count > self.services.settings.media.max_images:
            raise TooManyImages

    async def media_budget(self, images: int = 0, recordings: int = 0) -> MediaBudget:
        """Reserves memory for all media of this request, and returns their bounds. Call it once.

        Raises `Overloaded`.
        """
        services = self.services
        card = services.backend.model_card
        if images or recordings:
            await self.memory.reserve_media(services.media.bytes_for(images, recordings, card.image_fit))
        user_id, phase = self.principal.user_id, self.record.phase
        return services.media.budget(user_id, card.image_fit, card.speech_fit, phase)

    async def reserve(self, max_tokens: int, field: str | None = "max_tokens") -> int | None:
        """Takes the tokens from the daily quota and a place in the queue; call it before media are decoded.

        Returns what the quota has left for this request, these tokens included; None without a quota.
        Raises `DailyTokensExceeded`, `Overloaded` and, with the name of the `field`, `TokensAboveQuota`.
        """
        with self.record.phase("reserve"):
            tokens_left = await self.reserve_tokens(max_tokens, field)
            self._place = self.services.admission_queue.reserve(self.principal.priority)
            return tokens_left

    async def reserve_tokens(self, max_tokens: int, field: str | None = "max_tokens") -> int | None:
        """Takes that many tokens in all, once the length of a recording is known. Like `reserve`."""
        assert self.admission is not None
        try:
            return await self.admission.reserve_tokens(max_tokens)
        except TokensAboveQuota as error:
            error.param = field
            raise

    async def begin(
        self,
        messages: Sequence[Message],
        sampling_params: SamplingParams,
        *,
        enable_thinking: bool = False,
        task: Task = "chat",
        language: str = "",
        output: OutputOptions = DEFAULT_OUTPUT,
        is_further_choice: bool = False,
    ) -> Generation:
        """Returns once the engine has begun. Raises what `Backend.generate` raises.

        `is_further_choice`: the prompt is that of the generation before, and is not counted again.
        """
        self.memory.shrink("media", _media_bytes(messages))
        model_name = self.services.backend.model_card.name
        trace = None
        if self.record.trace is not None:
            trace = GenerationTrace(task, model_name, sampling_params)
            self.record.trace.generations.append(trace)
        place = QueuePlace()
        request = GenerationRequest(
            request_id=self.record.request_id,
            messages=tuple(messages),
            sampling_params=sampling_params,
            enable_thinking=enable_thinking,
            deadline=self.deadline,
            fairness_key=self.principal.user_id,
            priority=self.principal.priority,
            task=task,
            language=language,
            timeline=None if trace is None else trace.timeline,
            place=place,
            tools=output.tools,
            tool_choice=output.tool_choice,
            parallel_tool_calls=output.parallel_tool_calls,
            output_format=output.output_format,
            fits_context=output.fits_context,
            keep_tags=output.keep_tags,
        )
        deltas = self.services.backend.generate(request)
        generation = Generation(
            deltas,
            self.running,
            self.record,
            self.services.history,
            trace,
            is_further_choice=is_further_choice,
        )
        self._generations.append(generation)
        self._waiting_at = place
        try:
            await generation.begin()
        except (QueueFull, BackendUnavailable, ShuttingDown):
            # A stream that is open has no status that says so.
            if self.admission is not None and not any(each.has_output for each in self._generations):
                await self.admission.give_back()
            raise
        finally:
            self._waiting_at = None
            place.leave()
        self.exchange.note_begun()
        self.record.model = model_name
        self.record.backend = generation.backend or self.services.settings.backend[0]
        self.record.worker = generation.worker or None
        if trace is not None:
            trace.backend = self.record.backend
        return generation

    async def aclose(self) -> None:
        """Aborts what still runs and gives everything back, whatever of it fails or is cancelled."""
        try:
            await self._close_generations()
        finally:
            try:
                if self._place is not None:
                    self._place.release()
            finally:
                if self.admission is not None:
                    await self.admission.release(tokens_used=self._tokens_used)

    async def _close_generations(self) -> None:
        """The last one first."""
        if self._generations:
            generation = self._generations.pop()
            try:
                await generation.aclose()
            finally:
                await self._close_generations()

    @property
    def _tokens_used(self) -> int:
        return self.record.prompt_tokens + self.record.completion_tokens


def call_of(scope: Scope) -> Call:
    """The call of an authenticated request. Handlers use it directly where resolving a dependency costs
    a tenth of their time."""
    call: Call = scope["state"]["call"]
    return call


def _media_bytes(messages: Sequence[Message]) -> int:
    """Of the whole arrays: a part of a recording keeps all of it."""
    sizes: dict[int, int] = {}
    for message in messages:
        for part in message.parts:
            if not isinstance(part, Text):
                array = part.pixels if isinstance(part, Image) else part.samples
                whole = array.base if isinstance(array.base, np.ndarray) else array
                sizes[id(whole)] = whole.nbytes
    return sum(sizes.values())
