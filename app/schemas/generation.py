"""What the generating routes share: sampling fields in, an answer with usage and timings out."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema
from pydantic_core import core_schema

from app.clean_text import CleanText
from app.media.upload import Upload
from app.schemas.absence import Omittable, RequestModel
from inference import SamplingParams

MAX_PROMPT_CHARACTERS = 200_000
MAX_MESSAGES = 256
MAX_STOP_STRINGS = 8
MAX_STOP_CHARACTERS = 64
MAX_IMAGES = 10
MAX_SEED = 2**53 - 1  # what every JSON reader takes exactly

Prompt = Annotated[CleanText, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)]
StopString = Annotated[CleanText, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]
StopStrings = Annotated[list[StopString], Field(max_length=MAX_STOP_STRINGS)]
_Base64Text = Annotated[str, Field(min_length=1)]


def _take_file_or_text(value: Any, handler: Any) -> Any:  # Any: pydantic's
    return value if isinstance(value, Upload) else handler(value)


# A file is what reading the body made of a long string.
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
    # Not validated here: too many have an error code of their own.
    Field(json_schema_extra={"maxItems": MAX_IMAGES}),
]


def check_text(texts: Iterable[str]) -> None:
    """Raises ValueError: tokenizing takes time before the model can say that a prompt is too long."""
    if sum(map(len, texts)) > MAX_PROMPT_CHARACTERS:
        raise ValueError(f"all text together may have {MAX_PROMPT_CHARACTERS} characters")


class SamplingFields(RequestModel):
    """How to draw tokens; defaults suit a phone agent (greedy)."""

    max_tokens: int = Field(512, ge=1, le=4096)
    temperature: float = Field(0.0, ge=0, le=2, description="0 is greedy")
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, le=1000, description="0 switches it off")
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    seed: Omittable[Annotated[int, Field(ge=0, le=MAX_SEED)]] = Field(
        None, description="the same seed gives the same answer"
    )
    stream: bool = Field(False, description="answer with server-sent events")
    enable_thinking: bool = Field(False, description="let the model think before it answers")
    return_reasoning: bool = Field(False, description="include what it thought")

    def to_sampling_params(self, stop: Sequence[str] = ()) -> SamplingParams:
        return SamplingParams(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            frequency_penalty=self.frequency_penalty,
            stop=tuple(stop),
            seed=self.seed,
        )


class JSONSamplingFields(SamplingFields):
    """With what a form cannot carry without ambiguity: a list of strings."""

    stop: StopStrings = Field(default_factory=list)

    def to_sampling_params(self, stop: Sequence[str] = ()) -> SamplingParams:
        return super().to_sampling_params(stop or self.stop)


class TokenUsage(BaseModel):
    prompt_tokens: int = Field(ge=0, examples=[23])
    completion_tokens: int = Field(ge=0, examples=[8])
    total_tokens: int = Field(ge=0, examples=[31])


class Timings(BaseModel):
    """Milliseconds since the request arrived; `queue_ms` is the part spent waiting for the engine."""

    queue_ms: float = Field(ge=0, examples=[0.4])
    ttft_ms: float = Field(ge=0, description="to the first token", examples=[81.5])
    total_ms: float = Field(ge=0, examples=[310.2])


FinishReasonField = Literal["stop", "length"]


class GenerationResponse(BaseModel):
    """A whole answer."""

    id: str = Field(examples=["req_5f0c9a8b7d6e4f3a"])
    model: str = Field(examples=["autoglm-phone-tiny"])
    content: str = Field(examples=['do(action="Launch", app="微信")'])
    reasoning: str = Field("", description="only with return_reasoning")
    finish_reason: FinishReasonField
    usage: TokenUsage
    timings: Timings


class DeltaEvent(BaseModel):
    """`event: delta`. Append `text` to the answer, `reasoning` to what the model thought."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    reasoning: str = ""


class DoneEvent(BaseModel):
    """`event: done`, the last one of a stream that went well or ran into its deadline."""

    model_config = ConfigDict(extra="forbid")

    finish_reason: Literal["stop", "length", "deadline"]
    usage: TokenUsage
    timings: Timings
