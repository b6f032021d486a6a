"""The request of `POST /v1/chat/completions`, in OpenAI's format. Unknown fields are ignored.

Unsupported fields that would change the response are refused, unless their value has no effect.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from app.clean_text import CleanText
from app.errors import UnsupportedParameter
from app.schemas.generation import (
    MAX_MESSAGES,
    MAX_PROMPT_CHARACTERS,
    MAX_TOKENS,
    Base64,
    Base64Images,
    Seed,
    StopString,
    StopStrings,
    check_text,
)
from app.schemas.openai_output import (
    MAX_TOOLS,
    FunctionName,
    JSONSchema,
    Lenient,
    ResponseFormat,
    StructuredOutputs,
    Tool,
    ToolChoiceField,
    guided_output,
    output_format_of,
    refuse,
    refuse_set,
    structured_output,
)
from inference import OutputFormat, SamplingParams

MAX_CHOICES: Final = 4
MAX_TOP_LOGPROBS: Final = 20
MAX_BIASED_TOKENS: Final = 300


class TextPart(Lenient):
    type: Literal["text"]
    text: CleanText = Field(max_length=MAX_PROMPT_CHARACTERS)


class RefusalPart(Lenient):
    type: Literal["refusal"]
    refusal: CleanText = Field(max_length=MAX_PROMPT_CHARACTERS)


class ImageURL(Lenient):
    url: Base64 = Field(description="a data URI; addresses are not fetched")


class ImagePart(Lenient):
    type: Literal["image_url"]
    image_url: ImageURL


class InputAudio(Lenient):
    data: Base64


class AudioPart(Lenient):
    type: Literal["input_audio"]
    input_audio: InputAudio


ContentPart = Annotated[TextPart | ImagePart | AudioPart, Field(discriminator="type")]
TextOnlyPart = Annotated[TextPart | RefusalPart, Field(discriminator="type")]
AnyPart = TextPart | ImagePart | AudioPart | RefusalPart
_ContentText = Annotated[CleanText, Field(max_length=MAX_PROMPT_CHARACTERS), Tag("text")]


def _kind_of_content(content: object) -> str:
    return "parts" if isinstance(content, list) else "text"


Content = Annotated[
    _ContentText | Annotated[list[ContentPart], Field(min_length=1, max_length=64), Tag("parts")],
    Discriminator(_kind_of_content),
]
TextContent = Annotated[
    _ContentText | Annotated[list[TextOnlyPart], Field(max_length=64), Tag("parts")],
    Discriminator(_kind_of_content),
]


class InputMessage(Lenient):
    role: Literal["system", "developer", "user"]
    content: Content


class CalledFunction(FunctionName):
    arguments: CleanText = Field(
        "", max_length=MAX_PROMPT_CHARACTERS, description="the text of a JSON object"
    )


class MessageToolCall(Lenient):
    id: CleanText = Field("", max_length=256)
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(Lenient):
    """An earlier response. Its thoughts (`reasoning_content`) are not part of the prompt."""

    role: Literal["assistant"]
    content: TextContent | None = None
    tool_calls: list[MessageToolCall] | None = Field(None, max_length=MAX_TOOLS)


class ToolMessage(Lenient):
    """The result of a tool."""

    role: Literal["tool"]
    content: TextContent | None = None
    tool_call_id: CleanText = Field(max_length=256)


ChatCompletionMessage = Annotated[InputMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class StreamOptions(Lenient):
    include_usage: bool = False


class ChatTemplateArguments(Lenient):
    """vLLM's and SGLang's. Others are ignored."""

    enable_thinking: bool | None = None
    thinking: bool | None = None


class Thinking(Lenient):
    """Z.ai's."""

    type: Literal["enabled", "disabled"]


def _as_list(value: Any) -> Any:  # Any: what JSON holds
    return [value] if isinstance(value, str) else value


NotSupported = Annotated[Any, Field(None, description="not supported")]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ReasoningFormat = Literal["raw", "parsed", "hidden", "none", "auto", "deepseek"]
Bias = Annotated[float, Field(ge=-100, le=100)]
TokenId = Annotated[str, Field(pattern="^[0-9]{1,9}$")]


class ChatCompletionRequest(Lenient):
    """OpenAI's SDK sends the fields that are not OpenAI's, from `images` on, in `extra_body`."""

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
    max_tokens: int | None = Field(
        None,
        ge=1,
        le=MAX_TOKENS,
        description="lowered to what the context has left after the prompt, which is also the default",
    )
    max_completion_tokens: int | None = Field(
        None, ge=1, le=MAX_TOKENS, description="the newer name of max_tokens"
    )
    temperature: float | None = Field(None, ge=0, le=2, description="default 0: greedy")
    top_p: float | None = Field(None, ge=0, le=1, description="0 is greedy")
    top_k: int | None = Field(None, ge=-1, le=1000, description="0 and -1 disable it")
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[TokenId, Bias] | None = Field(
        None, max_length=MAX_BIASED_TOKENS, description="what to add to the logits of tokens, by their ids"
    )
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    stop: Annotated[
        StopStrings | None,
        BeforeValidator(_as_list, json_schema_input_type=StopString | StopStrings | None),
    ] = None
    seed: Seed | None = Field(None, description="any signed 64-bit integer")
    n: int | None = Field(None, ge=1, le=MAX_CHOICES, description="number of choices; the prompt counts once")
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = Field(None, max_length=MAX_TOOLS)
    tool_choice: ToolChoiceField | None = None
    parallel_tool_calls: bool | None = None
    functions: NotSupported
    function_call: NotSupported
    modalities: list[CleanText] | None = Field(None, max_length=4, description="only text")
    audio: NotSupported
    web_search_options: NotSupported
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: ReasoningEffort | None = Field(
        None, description="`none`: without thoughts; others: with"
    )
    images: Base64Images | None = None
    enable_thinking: bool | None = Field(None, description="let the model reason before it responds")
    chat_template_kwargs: ChatTemplateArguments | None = None
    thinking: Thinking | None = None
    return_reasoning: bool | None = Field(
        None, description="whether the response has the thoughts, in `reasoning_content`"
    )
    include_reasoning: bool | None = Field(None, description="vLLM's name of return_reasoning")
    reasoning_format: ReasoningFormat | None = Field(
        None,
        description="where thoughts go. `raw` or `none`: into the content, in the model's own tags; "
        "`parsed`, `auto` or `deepseek`: into `reasoning_content`; `hidden`: nowhere",
    )
    separate_reasoning: bool | None = Field(None, description="SGLang's: true is `parsed`, false `raw`")
    guided_json: JSONSchema | CleanText | None = Field(None, description="a JSON schema of the response")
    structured_outputs: StructuredOutputs | None = None
    guided_regex: NotSupported
    guided_choice: NotSupported
    guided_grammar: NotSupported

    @model_validator(mode="after")
    def _text_is_bounded(self) -> Self:
        check_text(_texts(self.messages))
        return self

    def count_images(self) -> int:
        return len(self.images or ()) + self._count_parts(ImagePart)

    def count_recordings(self) -> int:
        return self._count_parts(AudioPart)

    def _count_parts(self, kind: type[ImagePart | AudioPart]) -> int:
        return sum(
            isinstance(part, kind)
            for message in self.messages
            if isinstance(message.content, list)
            for part in message.content
        )

    @property
    def wants_thoughts(self) -> bool | None:
        """Whether the model shall think; None if the request does not say."""
        template = self.chat_template_kwargs or ChatTemplateArguments()
        for said in (self.enable_thinking, template.enable_thinking, template.thinking):
            if said is not None:
                return said
        if self.thinking is not None:
            return self.thinking.type == "enabled"
        return None if self.reasoning_effort is None else self.reasoning_effort != "none"

    def refuse_unsupported(self) -> None:
        """Raises `UnsupportedParameter` for what would change the response."""
        refuse_set(
            {
                "functions": self.functions,
                "function_call": self.function_call,
                "modalities": [each for each in self.modalities or () if each != "text"],
                "audio": self.audio,
                "web_search_options": self.web_search_options is not None,
                "guided_regex": self.guided_regex,
                "guided_choice": self.guided_choice,
                "guided_grammar": self.guided_grammar,
            }
        )
        if self.top_logprobs and not self.logprobs:
            refuse("top_logprobs", "needs logprobs")

    def output_format(self) -> tuple[OutputFormat | None, str]:
        """The format, and the field that requests it. Raises `UnsupportedParameter`."""
        formats: list[tuple[OutputFormat | None, str]] = [
            (output_format_of(self.response_format), "response_format")
        ]
        if self.guided_json is not None:
            formats.append((guided_output(self.guided_json, "guided_json"), "guided_json"))
        if self.structured_outputs is not None:
            formats.append((structured_output(self.structured_outputs), "structured_outputs"))
        given = [each for each in formats if each[0] is not None]
        if len(given) > 1:
            field = given[1][1]
            raise UnsupportedParameter(f"{field}: send one format only", param=field)
        return given[0] if given else (None, "response_format")

    @property
    def has_max_tokens(self) -> bool:
        return (self.max_completion_tokens or self.max_tokens) is not None

    def max_tokens_field(self) -> str:
        return "max_completion_tokens" if self.max_completion_tokens else "max_tokens"

    def to_sampling_params(self, context_length: int) -> SamplingParams:
        """Without a limit of its own, a response may fill the context."""
        top_logprobs = self.top_logprobs or 0
        return SamplingParams(
            max_tokens=self.max_completion_tokens or self.max_tokens or context_length,
            temperature=self.temperature if self.temperature is not None else 0.0,
            top_p=self.top_p if self.top_p is not None else 1.0,
            top_k=max(self.top_k or 0, 0),
            frequency_penalty=self.frequency_penalty or 0.0,
            presence_penalty=self.presence_penalty or 0.0,
            logit_bias=tuple((int(token), bias) for token, bias in (self.logit_bias or {}).items()),
            logprobs=top_logprobs if self.logprobs else None,
            stop=tuple(self.stop or ()),
            seed=self.seed,
        )


def _texts(messages: list[ChatCompletionMessage]) -> Iterator[str]:
    for message in messages:
        if isinstance(message, AssistantMessage):
            yield from (call.function.arguments for call in message.tool_calls or ())
        if isinstance(message.content, str):
            yield message.content
        for part in message.content if isinstance(message.content, list) else ():
            match part:
                case TextPart(text=text) | RefusalPart(refusal=text):
                    yield text
