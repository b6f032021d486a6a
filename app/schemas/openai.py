"""OpenAI's formats for the routes under `/v1`. Unknown fields are ignored, as its clients expect.

Unsupported fields that would change the response are refused, unless their value has no effect.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from app.clean_text import CleanText
from app.schemas.absence import Omittable
from app.schemas.generation import (
    MAX_MESSAGES,
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    Base64,
    Base64Images,
    StopString,
    StopStrings,
    TokenUsage,
    check_text,
)
from inference import SamplingParams

DEFAULT_MAX_TOKENS = 512


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class TextPart(_Lenient):
    type: Literal["text"]
    text: CleanText = Field(max_length=MAX_PROMPT_CHARACTERS)


class ImageURL(_Lenient):
    url: Base64 = Field(description="a data URI; addresses are not fetched")


class ImagePart(_Lenient):
    type: Literal["image_url"]
    image_url: ImageURL


class InputAudio(_Lenient):
    data: Base64


class AudioPart(_Lenient):
    type: Literal["input_audio"]
    input_audio: InputAudio


ContentPart = Annotated[TextPart | ImagePart | AudioPart, Field(discriminator="type")]


class ChatCompletionMessage(_Lenient):
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        Annotated[CleanText, Field(max_length=MAX_PROMPT_CHARACTERS), Tag("text")]
        | Annotated[list[ContentPart], Field(min_length=1, max_length=64), Tag("parts")],
        Discriminator(lambda content: "parts" if isinstance(content, list) else "text"),
    ]


class StreamOptions(_Lenient):
    include_usage: bool = False


def _as_list(value: Any) -> Any:  # Any: what JSON holds
    return [value] if isinstance(value, str) else value


def _refuse(value: Any) -> None:
    if value and value != {"type": "text"}:
        raise ValueError("not supported; leave it out")


NotSupported = Annotated[Any, AfterValidator(_refuse), Field(None, description="not supported")]


class ChatCompletionRequest(_Lenient):
    """OpenAI's SDK sends the additions `images`, `enable_thinking` and `return_reasoning` in `extra_body`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "autoglm-phone-tiny",
                    "messages": [{"role": "user", "content": "打开微信"}],
                    "stream": False,
                },
                {
                    "model": "autoglm-phone-tiny",
                    "messages": [{"role": "user", "content": "Who are you?"}],
                    "stream": True,
                    "stream_options": {"include_usage": True},
                },
            ]
        }
    )

    model: CleanText = Field(min_length=1, max_length=200)
    messages: list[ChatCompletionMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_tokens: int | None = Field(None, ge=1, le=4096)
    max_completion_tokens: int | None = Field(None, ge=1, le=4096, description="the newer name of max_tokens")
    temperature: float | None = Field(None, ge=0, le=2, description="default 0: greedy")
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0, le=1000)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    stop: Annotated[
        StopStrings | None,
        BeforeValidator(_as_list, json_schema_input_type=StopString | StopStrings | None),
    ] = None
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    n: Literal[1] | None = Field(None, description="only one choice is generated")
    presence_penalty: NotSupported
    logit_bias: NotSupported
    logprobs: NotSupported
    response_format: NotSupported
    tools: NotSupported
    functions: NotSupported
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    images: Base64Images | None = None
    enable_thinking: bool | None = None
    return_reasoning: bool | None = None

    @model_validator(mode="after")
    def _text_is_bounded(self) -> Self:
        check_text(
            text
            for message in self.messages
            for text in (
                [message.content]
                if isinstance(message.content, str)
                else [part.text for part in message.content if isinstance(part, TextPart)]
            )
        )
        return self

    def count_images(self) -> int:
        return len(self.images or ()) + self._count_parts(ImagePart)

    def count_recordings(self) -> int:
        return self._count_parts(AudioPart)

    def _count_parts(self, kind: type[ImagePart | AudioPart]) -> int:
        return sum(
            isinstance(part, kind)
            for message in self.messages
            if not isinstance(message.content, str)
            for part in message.content
        )

    def to_sampling_params(self) -> SamplingParams:
        return SamplingParams(
            max_tokens=self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS,
            temperature=self.temperature if self.temperature is not None else 0.0,
            top_p=self.top_p if self.top_p is not None else 1.0,
            top_k=self.top_k or 0,
            frequency_penalty=self.frequency_penalty or 0.0,
            stop=tuple(self.stop or ()),
            seed=self.seed,
        )


class AnsweredMessage(BaseModel):
    role: Literal["assistant"]
    content: str
    reasoning_content: str = Field("", description="only with return_reasoning")


class Choice(BaseModel):
    index: int
    message: AnsweredMessage
    finish_reason: Literal["stop", "length"]


class ChatCompletion(BaseModel):
    id: str = Field(examples=["chatcmpl-5f0c9a8b7d6e4f3a"])
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: TokenUsage


class ChunkDelta(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str = ""
    reasoning_content: str = ""


class ChunkChoice(BaseModel):
    index: int
    delta: ChunkDelta
    finish_reason: Literal["stop", "length"] = Field(
        "stop", description="only in the last chunk of the response"
    )


class ChatCompletionChunk(BaseModel):
    """One `data:` line of a stream. The last one has `usage`, if `include_usage` is set."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Omittable[TokenUsage] = None


class Model(BaseModel):
    id: str = Field(examples=["autoglm-phone-tiny"])
    object: Literal["model"]
    created: int
    owned_by: str
    root: str = Field(description="the name that responses have", examples=["autoglm-phone-tiny"])
    max_model_len: int = Field(description="length of the context in tokens", examples=[4096])


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]
