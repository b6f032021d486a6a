"""Chat completions: one to four generations for one prompt, whole or as the chunks of a stream."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.errors import GenerationError
from app.http.action_field import action_field
from app.http.call import Call, OutputOptions
from app.http.error_handlers import gateway_error_of
from app.http.event_stream import OPENAI_DONE, openai_event
from app.http.generation import Completion, Generation
from app.http.openai_call import head_of, openai_error_event
from app.http.output_fault import OutputFields, output_fault
from app.http.services import Services
from app.http.thoughts import Place, place_of_thoughts, thinks
from app.schemas.openai import ChatCompletionRequest
from app.schemas.openai_output import tool_choice_of, tools_of
from inference import (
    ActionOutput,
    Delta,
    FinishReason,
    InvalidGrammar,
    Message,
    PromptRefused,
    PromptTooLong,
    SamplingParams,
    TokenLogprob,
    ToolCallDelta,
)

FINISH_REASONS: Final = {  # OpenAI's for ours
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "deadline": "length",
}
SCHEMA_FIELDS: Final = {
    "response_format": "response_format.json_schema.schema",
    "guided_json": "guided_json",
    "structured_outputs": "structured_outputs.json",
}


RESERVED_TOKENS: Final = 512  # of the daily quota, for a response without a limit of its own


@dataclass(frozen=True, slots=True)
class CompletionPlan:
    """What a request leads to. Errors of the prompt and of the output's format name the two fields."""

    sampling_params: SamplingParams
    output: OutputOptions
    prompt_field: str
    output_fields: OutputFields
    enable_thinking: bool
    thoughts: Place
    choices: int = 1
    include_usage: bool = False
    has_max_tokens: bool = True  # the client said how many

    @property
    def has_action(self) -> bool:
        return isinstance(self.output.output_format, ActionOutput)

    def reserved_tokens(self, services: Services) -> int:
        """Of all choices together."""
        most = self.sampling_params.max_tokens if self.has_max_tokens else RESERVED_TOKENS
        return self.choices * min(most, services.backend.model_card.context_length)

    def within_quota(self, tokens_left: int | None) -> "CompletionPlan":
        """Without a limit of its own, a response ends where the daily quota does."""
        if self.has_max_tokens or tokens_left is None:
            return self
        params = self.sampling_params
        most = min(params.max_tokens, tokens_left // self.choices)
        return replace(self, sampling_params=replace(params, max_tokens=most))


def plan_completion(services: Services, request: ChatCompletionRequest) -> CompletionPlan:
    """Raises `UnsupportedParameter`."""
    request.refuse_unsupported()
    tools = tools_of(request.tools)
    tool_choice = tool_choice_of(request.tool_choice)
    output_format, format_field = request.output_format()
    is_typed = output_format is not None or (bool(tools) and tool_choice != "none")
    thoughts = place_of_thoughts(services, request, is_typed=is_typed)
    output = OutputOptions(
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=request.parallel_tool_calls is not False,
        output_format=output_format,
        fits_context=True,
        keep_tags=thoughts == "content",
    )
    return CompletionPlan(
        request.to_sampling_params(services.backend.model_card.context_length),
        output,
        "messages",
        OutputFields(format_field, SCHEMA_FIELDS[format_field], "function.parameters"),
        enable_thinking=thinks(services, request.wants_thoughts),
        thoughts=thoughts,
        choices=request.n or 1,
        include_usage=bool(request.stream_options and request.stream_options.include_usage),
        has_max_tokens=request.has_max_tokens,
    )


async def begin_choices(call: Call, messages: Sequence[Message], plan: CompletionPlan) -> list[Generation]:
    """Returns once the engine has begun all. The second finds the first one's prompt in the cache.

    Raises what `Backend.generate` raises, and `InvalidOutputFormat`.
    """
    generations = []
    for number in range(plan.choices):
        params, seed = plan.sampling_params, plan.sampling_params.seed
        try:
            generation = await call.begin(
                messages,
                params if seed is None else replace(params, seed=_as_int64(seed + number)),
                enable_thinking=plan.enable_thinking,
                output=plan.output,
                is_further_choice=number > 0,
            )
        except InvalidGrammar as error:
            raise output_fault(error, plan.output_fields, plan.output.tools) from None
        except (PromptTooLong, PromptRefused) as error:
            refusal = gateway_error_of(error)
            refusal.param = plan.prompt_field
            raise refusal from None
        generations.append(generation)
    return generations


def _as_int64(number: int) -> int:
    """After the highest comes the lowest."""
    return (number + 2**63) % 2**64 - 2**63


async def whole_completion(
    call: Call, generations: Sequence[Generation], plan: CompletionPlan
) -> dict[str, Any]:
    """The members of a `ChatCompletion`. Raises `DeadlineExceeded` and `GenerationError`."""
    choices = []
    for index, generation in enumerate(generations):
        completion = await generation.collect(may_be_cut_off=True)
        choice: dict[str, Any] = {
            "index": index,
            "message": _message(completion, plan),
            "finish_reason": FINISH_REASONS[completion.finish_reason],
        }
        if plan.sampling_params.logprobs is not None:
            choice["logprobs"] = {"content": logprobs_of(completion.logprobs)}
        choices.append(choice)
    return head_of(call, "chat.completion", "chatcmpl") | {
        "choices": choices,
        "usage": completion_usage(call),
    }


async def completion_chunks(
    call: Call, generations: Sequence[Generation], plan: CompletionPlan
) -> AsyncGenerator[bytes, None]:
    """The events of a stream. The choices take turns."""
    head = head_of(call, "chat.completion.chunk", "chatcmpl")
    running = [_ChoiceStream(head, index, generation, plan) for index, generation in enumerate(generations)]
    for choice in running:
        yield choice.chunk({"role": "assistant", "content": ""})
    try:
        while running:
            for choice in tuple(running):
                delta = await anext(choice.generation, None)
                if delta is None:
                    running.remove(choice)
                    yield choice.last_chunk()
                else:
                    for chunk in choice.chunks_of(delta):
                        yield chunk
        if plan.include_usage:
            yield openai_event(head | {"choices": [], "usage": completion_usage(call)})
    except Exception as error:
        yield openai_error_event(call, error)
    yield OPENAI_DONE


def completion_usage(call: Call) -> dict[str, Any]:
    record = call.record
    return {
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "total_tokens": record.prompt_tokens + record.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": record.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": record.reasoning_tokens},
    }


class _ChoiceStream:
    """One choice of a stream. Owns nothing: `Call` closes the generation."""

    def __init__(
        self, head: dict[str, Any], index: int, generation: Generation, plan: CompletionPlan
    ) -> None:
        self.generation = generation
        self._head = head
        self._index = index
        self._plan = plan
        self._finish_reason: FinishReason | None = None
        self._text: list[str] = []  # only as far as an action is parsed

    def chunks_of(self, delta: Delta) -> Iterator[bytes]:
        self._finish_reason = delta.finish_reason or self._finish_reason
        content = delta.text
        if self._plan.thoughts == "content":
            content = delta.reasoning + delta.text
        elif self._plan.thoughts == "reasoning_content" and delta.reasoning:
            yield self.chunk({"reasoning_content": delta.reasoning})
        if self._plan.has_action:
            self._text.append(delta.text)
        if content or delta.logprobs:
            more = {"logprobs": {"content": logprobs_of(delta.logprobs)}} if delta.logprobs else {}
            yield self.chunk({"content": content}, **more)
        for call in delta.tool_calls:
            yield self.chunk({"tool_calls": [_tool_call_piece(call)]})

    def last_chunk(self) -> bytes:
        """Raises `GenerationError`."""
        if self._finish_reason not in FINISH_REASONS:
            raise GenerationError
        delta = action_field("".join(self._text)) if self._plan.has_action else {}
        return self.chunk(delta, finish_reason=FINISH_REASONS[self._finish_reason])

    def chunk(self, delta: dict[str, Any], **more: Any) -> bytes:
        choice = {"index": self._index, "delta": delta, **more}
        return openai_event(self._head | {"choices": [choice]})


def _message(completion: Completion, plan: CompletionPlan) -> dict[str, Any]:
    content = completion.text
    if plan.thoughts == "content":
        content = completion.reasoning + completion.text
    message: dict[str, Any] = {"role": "assistant"}
    if content or not completion.tool_calls:
        message["content"] = content
    if plan.thoughts == "reasoning_content" and completion.reasoning:
        message["reasoning_content"] = completion.reasoning
    if completion.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in completion.tool_calls
        ]
    return message | (action_field(completion.text) if plan.has_action else {})


def _tool_call_piece(piece: ToolCallDelta) -> dict[str, Any]:
    if not piece.id:
        return {"index": piece.index, "function": {"arguments": piece.arguments}}
    return {
        "index": piece.index,
        "id": piece.id,
        "type": "function",
        "function": {"name": piece.name, "arguments": piece.arguments},
    }


def logprobs_of(tokens: Sequence[TokenLogprob]) -> list[dict[str, Any]]:
    return [_logprob(token) | {"top_logprobs": list(map(_logprob, token.top))} for token in tokens]


def _logprob(token: TokenLogprob) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.logprob, "bytes": list(token.token_bytes)}
