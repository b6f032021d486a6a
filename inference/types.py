"""Requests for the model, and the pieces of its responses: plain frozen dataclasses, no torch.

The gateway builds requests from HTTP bodies, and the engine turns them into token ids: neither appears here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.queue_place import QueuePlace
from inference.timeline import Timeline

MIN_TEMPERATURE: Final = 1e-4  # below it sampling is greedy: dividing logits by less overflows
AUDIO_SAMPLE_RATE = 16_000  # Hz, of every Audio that reaches a backend

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "deadline", "aborted", "error"]
Priority = Literal["interactive", "batch"]
PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "batch")  # in the order in which they are served
Task = Literal["chat", "transcribe"]


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded picture, upright, without alpha."""

    pixels: NDArray[np.uint8]  # (H, W, 3), RGB


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Audio:
    """A decoded mono recording in [-1, 1]."""

    samples: NDArray[np.float32]  # (T,)
    sample_rate: int = AUDIO_SAMPLE_RATE


Part = Text | Image | Audio


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A function that the model may call. `parameters` is the JSON schema of its arguments.

    `strict`: what of the schema cannot be held is refused, not ignored.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)  # any JSON values
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole call. `arguments` is the text of a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """`tool_calls` are an assistant's. `tool_call_id` names the call whose result a tool's message has."""

    role: Role
    parts: tuple[Part, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class JsonObjectOutput:
    """The text is a JSON object."""


@dataclass(frozen=True, slots=True)
class JsonSchemaOutput:
    """The text is JSON that is valid against the schema. `strict`: what a remote engine is told besides."""

    schema: Mapping[str, Any]  # any JSON values
    strict: bool = True


@dataclass(frozen=True, slots=True)
class ActionOutput:
    """The text is one action of the phone agent: `do(action="Tap", element=[x,y])`, `finish(message="…")`."""


OutputFormat = JsonObjectOutput | JsonSchemaOutput | ActionOutput


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The model must call this function."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are drawn. `temperature=0` and `top_p=0` are greedy; `top_k` of 0 or less and `top_p=1`
    turn those filters off.

    `frequency_penalty` is subtracted from a token's logit once for each time that it was already
    generated, as in OpenAI's API; `presence_penalty` once if it was generated at all. `logit_bias` holds
    pairs of a token id and what is added to its logit. `stop` strings end the text and are not part of it.
    `seed` is any integer. Without `has_temperature` the caller sent none, and a remote engine that refuses
    this one may choose. `logprobs`: None returns none; n returns each token's and those of the n likeliest.
    """

    max_tokens: int = 512
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None
    has_temperature: bool = field(default=True, compare=False)

    @property
    def has_penalty(self) -> bool:
        """It depends on the tokens generated so far."""
        return bool(self.frequency_penalty or self.presence_penalty)

    @property
    def is_greedy(self) -> bool:
        return self.temperature < MIN_TEMPERATURE or self.top_p <= 0


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One generation. `deadline` is in `time.monotonic()` seconds.

    `task="transcribe"` requests a transcript of the one Audio part; the backend chooses the prompt or the
    speech-recognition model. `language` is a code such as "en", for models that take one: the language of
    the recording. Requests with different values of `fairness_key` take turns. Interactive requests go
    first, and batch ones get a share. The backend records its steps in `timeline`, and says in `place` how
    long the request will wait, if it has them. With `parallel_tool_calls=False` a response has at most one
    tool call. `output_format` constrains the text, not the reasoning before it.

    `fits_context`: `max_tokens` may be lowered to what the context has left after the prompt. `keep_tags`: a
    response with reasoning has its tags in `text` and `reasoning`, which one after the other are what the
    model wrote; only an `</answer>` after an action of the phone agent is dropped.
    """

    request_id: str
    messages: tuple[Message, ...]
    sampling_params: SamplingParams = field(default_factory=SamplingParams)
    enable_thinking: bool = False
    deadline: float = float("inf")
    fairness_key: str = ""
    priority: Priority = "interactive"
    task: Task = "chat"
    language: str = ""
    timeline: Timeline | None = field(default=None, compare=False, repr=False)
    place: QueuePlace | None = field(default=None, compare=False, repr=False)
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    output_format: OutputFormat | None = None
    fits_context: bool = False
    keep_tags: bool = False

    @property
    def recordings(self) -> list[Audio]:
        """Those of all messages, in order."""
        return [part for message in self.messages for part in message.parts if isinstance(part, Audio)]


class Usage(NamedTuple):
    """Tokens as the model counts them. Media count as many tokens as they occupy positions.

    A tuple, as `Delta` is: each event makes both, and a frozen dataclass takes three times as long.

    `cached_tokens` of the prompt's were found in the cache and not computed again. `is_estimate`: a remote
    engine has not reported them, or not yet.
    """

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A sampled token's logarithm of its probability, and the likeliest tokens in its place (`top`).

    `token` is the text of `token_bytes`, with U+FFFD for bytes that are part of a character.
    """

    token: str
    token_bytes: bytes
    logprob: float
    top: "tuple[TokenLogprob, ...]" = ()


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. The first piece of an index has the id and the name; the pieces of `arguments`
    together are the text of a JSON object."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Delta(NamedTuple):
    """A piece of a response.

    The first Delta of a generation has no text and reports that the engine has begun it. `reasoning` is the
    text inside `<think>`. `logprobs` has the tokens of the text since the last Delta. `usage` counts what was
    used so far, so that a generation is counted even when its client disconnects; the first and the last
    Delta always have it. The last one has a `finish_reason` and, if the model names it, the `language` of a
    transcript: "en". The first one has the `backend` that serves the request, if there are several, and the
    `worker`, if that is a remote engine.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    language: str = ""
    backend: str = ""
    worker: str = ""

    @property
    def has_output(self) -> bool:
        return bool(self.text or self.reasoning or self.tool_calls or self.logprobs)
