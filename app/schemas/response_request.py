"""The request of `POST /v1/responses`, in OpenAI's format. Nothing is stored: each request is complete.

Unknown fields are ignored; what would change the response and is not supported is refused.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from app.clean_text import CleanText
from app.errors import UnsupportedParameter
from app.schemas.engine_fields import OF_RESPONSES, refuse_engine_fields
from app.schemas.generation import MAX_PROMPT_CHARACTERS, MAX_TOKENS, check_text
from app.schemas.openai import MAX_TOP_LOGPROBS
from app.schemas.openai_output import (
    FUNCTION,
    MAX_TOOLS,
    ActionFormat,
    JSONObjectFormat,
    JSONSchema,
    Lenient,
    TextFormat,
    refuse,
    refuse_set,
)
from app.schemas.openai_thinking import ChatTemplateArguments, ReasoningEffort, said_thinking, thinks_with
from app.schemas.response_items import (
    AudioInput,
    FunctionCallItem,
    FunctionCallOutputItem,
    ImageInput,
    Input,
    InputPart,
    MessageItem,
    OtherItem,
    RefusalInput,
    TextInput,
)
from app.sentence import Sentence, of_field
from inference import (
    ActionOutput,
    JsonObjectOutput,
    JsonSchemaOutput,
    NamedTool,
    OutputFormat,
    SamplingParams,
    ToolChoice,
    ToolDefinition,
)

LOGPROBS: Final = "message.output_text.logprobs"
NOT_STORED: Final = Sentence("responses are not stored here; send the whole conversation as input")
UNSUPPORTED_ITEM: Final = Sentence("items of this type are not supported")

_Text = Annotated[CleanText, Field(max_length=MAX_PROMPT_CHARACTERS)]


_MetadataKey = Annotated[CleanText, Field(max_length=64)]
_MetadataValue = Annotated[CleanText, Field(max_length=512)]


class ResponseTool(Lenient):
    type: CleanText = Field(max_length=64, description="`function`; no other kind is supported")
    name: CleanText | None = Field(None, min_length=1, max_length=128)
    description: _Text | None = None
    parameters: JSONSchema | None = Field(None, description="the JSON schema of the arguments")
    strict: bool | None = None


class FunctionChoice(Lenient):
    type: CleanText = Field(max_length=64, description="`function`")
    name: CleanText | None = Field(None, max_length=128)


class SchemaFormat(Lenient):
    type: Literal["json_schema"]
    name: CleanText = Field("", max_length=128)
    schema_: JSONSchema = Field(alias="schema")
    strict: bool | None = None


TextFormatField = Annotated[
    TextFormat | JSONObjectFormat | SchemaFormat | ActionFormat, Field(discriminator="type")
]


class TextOptions(Lenient):
    format: TextFormatField | None = None


class ReasoningOptions(Lenient):
    effort: ReasoningEffort | None = None


class ResponseStreamOptions(Lenient):
    include_obfuscation: bool | None = Field(None, description="ignored")


class CreateResponseRequest(Lenient):
    model: CleanText = Field(min_length=1, max_length=200)
    input: Input
    instructions: _Text | None = Field(None, description="a system message before the input")
    max_output_tokens: int | None = Field(
        None,
        ge=1,
        le=MAX_TOKENS,
        description="lowered to what the context has left after the prompt, which is also the default",
    )
    temperature: float | None = Field(None, ge=0, le=2, description="default 0: greedy")
    top_p: float | None = Field(None, ge=0, le=1, description="0 is greedy")
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    tools: list[ResponseTool] | None = Field(None, max_length=MAX_TOOLS)
    tool_choice: (
        Annotated[
            Annotated[Literal["auto", "none", "required"], Tag("mode")]
            | Annotated[FunctionChoice, Tag("function")],
            Discriminator(lambda value: "mode" if isinstance(value, str) else "function"),
        ]
        | None
    ) = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    include: list[CleanText] | None = Field(None, max_length=16)
    stream: bool | None = None
    stream_options: ResponseStreamOptions | None = None
    metadata: dict[_MetadataKey, _MetadataValue] | None = Field(
        None, max_length=16, description="returned as it is"
    )
    store: bool | None = Field(None, description="nothing is stored: true is refused")
    previous_response_id: Any = Field(None, description="not supported: nothing is stored")
    conversation: Any = Field(None, description="not supported: nothing is stored")
    background: Any = Field(None, description="not supported: true is refused")
    prompt: Any = Field(None, description="not supported")
    truncation: CleanText | None = Field(None, max_length=16, description="only `disabled`")
    enable_thinking: bool | None = Field(None, description="let the model reason before it responds")
    chat_template_kwargs: ChatTemplateArguments | None = None

    @model_validator(mode="after")
    def _text_is_bounded(self) -> Self:
        check_text(self._texts())
        return self

    def _texts(self) -> Iterator[str]:
        if self.instructions is not None:
            yield self.instructions
        if isinstance(self.input, str):
            yield self.input
        for content in self._contents():
            if isinstance(content, str):
                yield content
            for part in content if isinstance(content, list) else ():
                match part:
                    case TextInput(text=text) | RefusalInput(refusal=text):
                        yield text

    def _contents(self) -> Iterator[str | list[InputPart]]:
        for item in self.input if isinstance(self.input, list) else ():
            match item:
                case MessageItem(content=content) | FunctionCallOutputItem(output=content):
                    yield content
                case FunctionCallItem(arguments=arguments):
                    yield arguments

    def count_images(self) -> int:
        return self._count_parts(ImageInput)

    def count_recordings(self) -> int:
        return self._count_parts(AudioInput)

    def _count_parts(self, kind: type[ImageInput | AudioInput]) -> int:
        return sum(
            isinstance(part, kind)
            for content in self._contents()
            if isinstance(content, list)
            for part in content
        )

    @property
    def wants_thoughts(self) -> bool | None:
        """Whether the model shall think; None if the request does not say."""
        said = said_thinking(self.enable_thinking, self.chat_template_kwargs)
        effort = self.reasoning.effort if self.reasoning is not None else None
        return thinks_with(effort) if said is None else said

    def refuse_unsupported(self) -> None:
        """Raises `UnsupportedParameter` for what would change the response."""
        for field in ("previous_response_id", "conversation", "store"):
            if getattr(self, field):
                refuse(field, NOT_STORED)
        if self.background:
            refuse("background", "responses are not stored here; wait for the response, or stream it")
        if self.truncation not in (None, "disabled"):
            refuse("truncation", "only disabled is supported")
        refuse_set({"prompt": self.prompt})
        refuse_engine_fields(self.model_extra, OF_RESPONSES)
        for number, item in enumerate(self.input if isinstance(self.input, list) else ()):
            if isinstance(item, OtherItem):
                is_reference = item.type == "item_reference"
                reason = NOT_STORED if is_reference else UNSUPPORTED_ITEM
                refuse(f"input.{number}.type", reason)

    def tool_definitions(self) -> tuple[ToolDefinition, ...]:
        """Raises `UnsupportedParameter` for tools that are not functions."""
        definitions = []
        for index, tool in enumerate(self.tools or ()):
            if tool.type != FUNCTION:
                refuse(f"tools.{index}.type", "only functions are supported")
            if tool.name is None:
                refuse(f"tools.{index}.name", "Field required")
            definitions.append(
                ToolDefinition(tool.name, tool.description or "", tool.parameters or {}, bool(tool.strict))
            )
        return tuple(definitions)

    def chosen_tool(self) -> ToolChoice:
        """Raises `UnsupportedParameter` for choices other than a mode or one function."""
        choice = self.tool_choice
        if not isinstance(choice, FunctionChoice):
            return choice or "auto"
        if choice.type != FUNCTION or not choice.name:
            raise UnsupportedParameter(
                of_field("tool_choice", "send auto, none, required or one function"), param="tool_choice"
            )
        return NamedTool(choice.name)

    def output_format(self) -> OutputFormat | None:
        match self.text.format if self.text is not None else None:
            case JSONObjectFormat():
                return JsonObjectOutput()
            case SchemaFormat(schema_=schema, strict=strict):
                return JsonSchemaOutput(schema, bool(strict))
            case ActionFormat():
                return ActionOutput()
            case _:
                return None

    def to_sampling_params(self, context_length: int) -> SamplingParams:
        """Without a limit of its own, a response may fill the context."""
        has_logprobs = bool(self.top_logprobs) or LOGPROBS in (self.include or ())
        return SamplingParams(
            max_tokens=self.max_output_tokens or context_length,
            temperature=self.temperature if self.temperature is not None else 0.0,
            has_temperature=self.temperature is not None,
            top_p=self.top_p if self.top_p is not None else 1.0,
            logprobs=(self.top_logprobs or 0) if has_logprobs else None,
        )
