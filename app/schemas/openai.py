"""The request of `POST /v1/chat/completions`, in OpenAI's format. Unknown fields are ignored.

Unsupported fields that would change the response are refused, unless their value has no effect.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from app.clean_text import CleanText
from app.errors import UnsupportedParameter
from app.schemas.engine_fields import OF_CHAT_COMPLETIONS, refuse_engine_fields
from app.schemas.generation import (
    MAX_MESSAGES,
    MAX_TOKENS,
    Base64Images,
    Seed,
    StopString,
    StopStrings,
    check_text,
)
from app.schemas.openai_messages import AudioPart, ChatCompletionMessage, ImagePart, texts_of
from app.schemas.openai_output import (
    MAX_TOOLS,
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
from app.schemas.openai_thinking import ChatTemplateArguments, ReasoningEffort, said_thinking, thinks_with
from app.sentence import of_field
from inference import OutputFormat, SamplingParams

MAX_CHOICES: Final = 4
MAX_TOP_LOGPROBS: Final = 20
MAX_BIASED_TOKENS: Final = 300


class StreamOptions(Lenient):
    include_usage: bool | None = None


class Thinking(Lenient):
    """Z.ai's."""

    type: Literal["enabled", "disabled"]


def _as_list(value: Any) -> Any:  # Any: what JSON holds
    return [value] if isinstance(value, str) else value


NotSupported = Annotated[Any, Field(None, description="not supported")]
ReasoningFormat = Literal["raw", "parsed", "hidden", "none", "auto", "deepseek"]
Bias = Annotated[float, Field(ge=-100, le=100)]
TokenId = Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,8})$")]


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
        check_text(texts_of(self.messages))
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
        said = said_thinking(self.enable_thinking, self.chat_template_kwargs)
        if said is None and self.thinking is not None:
            return self.thinking.type == "enabled"
        return thinks_with(self.reasoning_effort) if said is None else said

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
        refuse_engine_fields(self.model_extra, OF_CHAT_COMPLETIONS)
        if self.top_logprobs and not self.logprobs:
            refuse("top_logprobs", "needs logprobs")

    def output_format(self) -> tuple[OutputFormat | None, str]:
        """The format, and the field that requests it. Raises `UnsupportedParameter`."""
        formats: list[tuple[OutputFormat | None, str]] = []
        if self.response_format is not None:
            formats.append((output_format_of(self.response_format), "response_format"))
        if self.guided_json is not None:
            formats.append((guided_output(self.guided_json, "guided_json"), "guided_json"))
        if self.structured_outputs is not None:
            formats.append((structured_output(self.structured_outputs), "structured_outputs"))
        given = [each for each in formats if each[0] is not None]
        if len(given) > 1:
            field = given[1][1]
            raise UnsupportedParameter(of_field(field, "send one format only"), param=field)
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
            has_temperature=self.temperature is not None,
            top_p=self.top_p if self.top_p is not None else 1.0,
            top_k=max(self.top_k or 0, 0),
            frequency_penalty=self.frequency_penalty or 0.0,
            presence_penalty=self.presence_penalty or 0.0,
            logit_bias=tuple((int(token), bias) for token, bias in self.logit_bias.items())
            if self.logit_bias
            else (),
            logprobs=top_logprobs if self.logprobs else None,
            stop=tuple(self.stop or ()),
            seed=self.seed,
        )
