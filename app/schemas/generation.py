"""What the generating routes share: sampling fields in requests, content, usage and timings in responses."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, model_validator
from pydantic_core import core_schema

from app.clean_text import CleanText
from app.media.upload import Upload
from app.schemas.absence import Omittable, RequestModel
from app.sentence import Sentence
from inference import SamplingParams

# For contexts of a million tokens. The bounds of a body are the real ones: of its bytes, texts and values.
MAX_PROMPT_CHARACTERS = 4_000_000
MAX_MESSAGES = 4096
MAX_STOP_STRINGS = 8
MAX_STOP_CHARACTERS = 64
MAX_IMAGES = 10
MIN_SEED, MAX_SEED = -(2**63), 2**63 - 1
MAX_TOKENS = 2**31 - 1  # the context is the real bound

Prompt = Annotated[CleanText, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)]
StopString = Annotated[CleanText, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]
StopStrings = Annotated[list[StopString], Field(max_length=MAX_STOP_STRINGS)]
_Base64Text = Annotated[str, Field(min_length=1)]


def _without_bounds(schema: dict[str, Any]) -> None:
    """They are not exact in the numbers of many readers of JSON, of requests and of the OpenAPI document."""
    del schema["minimum"], schema["maximum"]


Seed = Annotated[int, Field(ge=MIN_SEED, le=MAX_SEED, json_schema_extra=_without_bounds)]


def _take_file_or_text(value: Any, handler: Any) -> Any:  # Any: pydantic's
    return value if isinstance(value, Upload) else handler(value)


# Long strings of a body were written to files when it was read.
Base64 = Annotated[
    str | Upload,
    GetPydanticSchema(
        lambda _, handler: core_schema.no_info_wrap_validator_function(
            _take_file_or_text, handler(_Base64Text)
        )
    ),
    Field(
        description="the file's bytes in base64, alone or as a data URI",
        json_schema_extra={"contentEncoding": "base64"},
    ),
]
Base64Images = Annotated[
    list[Base64],
    # The number is checked elsewhere, with its own error code.
    Field(json_schema_extra={"maxItems": MAX_IMAGES}),
]


def check_text(texts: Iterable[str]) -> None:
    """Raises ValueError for too much text."""
    if sum(map(len, texts)) > MAX_PROMPT_CHARACTERS:
        raise ValueError(
            Sentence(
                "all text together must not have more than {count} characters", count=MAX_PROMPT_CHARACTERS
            )
        )


class SamplingFields(RequestModel):
    """How to sample tokens. The defaults suit a phone agent (greedy)."""

    max_tokens: int = Field(512, ge=1, le=MAX_TOKENS)
    temperature: float = Field(0.0, ge=0, le=2, description="0 is greedy")
    top_p: float = Field(1.0, ge=0, le=1, description="0 is greedy")
    top_k: int = Field(0, ge=-1, le=1000, description="0 and -1 disable it")
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    seed: Omittable[Seed] = Field(
        None, description="any signed 64-bit integer; the same seed gives the same output"
    )
    stream: bool = Field(False, description="respond with server-sent events")
    resumable: bool = Field(
        False, description="keep the events of a stream, for `GET /streams/{id}` after a lost connection"
    )
    background: bool = Field(
        False, description="respond with 202 at once; `GET /streams/{id}` returns the response"
    )
    enable_thinking: bool = Field(False, description="let the model reason before it responds")
    return_reasoning: bool = Field(False, description="include the reasoning")

    @model_validator(mode="after")
    def _resumes_streams(self) -> Self:
        if self.resumable and not (self.stream or self.background):
            raise ValueError(
                "resumable needs stream; a response that is not a stream may be in the background"
            )
        return self

    def to_sampling_params(self, stop: Sequence[str] = ()) -> SamplingParams:
        return SamplingParams(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=max(self.top_k, 0),
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            stop=tuple(stop),
            seed=self.seed,
        )


class JSONSamplingFields(SamplingFields):
    """With a list of strings, for which forms have no unambiguous notation."""

    stop: StopStrings = Field(default_factory=list)

    def to_sampling_params(self, stop: Sequence[str] = ()) -> SamplingParams:
        return super().to_sampling_params(stop or self.stop)


class ActionField(RequestModel):
    action: bool = Field(
        False,
        description="the content is one action of a phone agent, and the response has it as JSON, too",
    )


Action = Annotated[
    dict[str, Any],  # Any: a text, a number or a point
    Field(examples=[{"_metadata": "do", "action": "Tap", "element": [500, 250]}]),
]


class TokenUsage(BaseModel):
    prompt_tokens: int = Field(ge=0, examples=[23])
    completion_tokens: int = Field(ge=0, examples=[8])
    total_tokens: int = Field(ge=0, examples=[31])


class Timings(BaseModel):
    """Milliseconds since the request arrived. `queue_ms` is the part spent waiting for the engine."""

    queue_ms: float = Field(ge=0, examples=[0.4])
    ttft_ms: float = Field(ge=0, description="to the first token", examples=[81.5])
    total_ms: float = Field(ge=0, examples=[310.2])


FinishReasonField = Literal["stop", "length"]


class GenerationResponse(BaseModel):
    """A complete response."""

    id: str = Field(examples=["req_5f0c9a8b7d6e4f3a"])
    model: str = Field(examples=["autoglm-phone-tiny"])
    content: str = Field(examples=['do(action="Launch", app="微信")'])
    reasoning: str = Field("", description="only with return_reasoning")
    action: Omittable[Action] = Field(None, description="only with `action`: the content, parsed")
    finish_reason: FinishReasonField
    usage: TokenUsage
    timings: Timings


class QueuedEvent(BaseModel):
    """`event: queued`, without an `id`: the request waits for the engine. What is unknown is absent.

    Sent after a wait of 1.5 seconds, and again when it has changed, once a second at most.
    """

    model_config = ConfigDict(extra="forbid")

    position: Omittable[int] = Field(None, ge=1, description="1 is begun next", examples=[3])
    expected_wait_seconds: Omittable[int] = Field(
        None, ge=1, description="until it is begun, at the measured rate", examples=[12]
    )


class DeltaEvent(BaseModel):
    """`event: delta`. Append `text` to the content and `reasoning` to the reasoning."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    reasoning: str = ""


class DoneEvent(BaseModel):
    """`event: done`, the last event of a stream that completed or reached its deadline."""

    model_config = ConfigDict(extra="forbid")

    action: Omittable[Action] = Field(None, description="only with `action`: the whole content, parsed")
    finish_reason: Literal["stop", "length", "deadline"]
    usage: TokenUsage
    timings: Timings
