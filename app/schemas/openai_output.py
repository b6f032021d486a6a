"""Tools and output formats as OpenAI and vLLM write them, for the routes under `/v1`."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from app.clean_text import CleanText
from app.errors import UnsupportedParameter
from app.schemas.generation import MAX_PROMPT_CHARACTERS
from app.schemas.json_text import JSONTexts
from app.sentence import Sentence, of_field
from inference import (
    ActionOutput,
    JsonObjectOutput,
    JsonSchemaOutput,
    NamedTool,
    OutputFormat,
    ToolChoice,
    ToolDefinition,
)

JSONSchema = dict[str, Any]  # Any: what JSON holds; the engine's compiler bounds and checks it
MAX_TOOLS: Final = 128
FUNCTION: Final = "function"
UNSUPPORTED: Final = Sentence("not supported; leave it out")


class Lenient(BaseModel):
    """Unknown fields are ignored, as OpenAI's clients expect."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class FunctionDefinition(Lenient):
    name: CleanText = Field(min_length=1, max_length=128)
    description: CleanText | None = Field(None, max_length=MAX_PROMPT_CHARACTERS)
    parameters: JSONSchema | None = Field(None, description="the JSON schema of the arguments")
    strict: bool | None = Field(None, description="arguments are valid against the schema in any case")

    def to_tool(self) -> ToolDefinition:
        return ToolDefinition(self.name, self.description or "", self.parameters or {}, bool(self.strict))


class Tool(Lenient):
    type: CleanText = Field(max_length=64, description="`function`; no other kind is supported")
    function: FunctionDefinition | None = None


class FunctionName(Lenient):
    name: CleanText = Field(min_length=1, max_length=128)


class NamedToolChoice(Lenient):
    type: CleanText = Field(max_length=64, description="`function`")
    function: FunctionName | None = None


ToolChoiceField = Annotated[
    Annotated[Literal["auto", "none", "required"], Tag("mode")] | Annotated[NamedToolChoice, Tag("function")],
    Discriminator(lambda value: "mode" if isinstance(value, str) else "function"),
]


class TextFormat(Lenient):
    type: Literal["text"]


class JSONObjectFormat(Lenient):
    type: Literal["json_object"]


class NamedSchema(Lenient):
    name: CleanText = Field("", max_length=128)
    schema_: JSONSchema | None = Field(None, alias="schema")
    strict: bool | None = Field(None, description="the response is valid against the schema in any case")


class JSONSchemaFormat(Lenient):
    type: Literal["json_schema"]
    json_schema: NamedSchema


class ActionFormat(Lenient):
    """One action of a phone agent, such as `do(action="Tap", element=[500,250])`."""

    type: Literal["autoglm_action"]


ResponseFormat = Annotated[
    TextFormat | JSONObjectFormat | JSONSchemaFormat | ActionFormat, Field(discriminator="type")
]


class StructuredOutputs(Lenient):
    """vLLM's. Only JSON is supported."""

    json_: JSONSchema | CleanText | None = Field(None, alias="json")
    json_object: bool | None = None


def output_format_of(response_format: ResponseFormat | None) -> OutputFormat | None:
    match response_format:
        case JSONObjectFormat():
            return JsonObjectOutput()
        case JSONSchemaFormat(json_schema=NamedSchema(schema_=schema, strict=strict)):
            return JsonObjectOutput() if schema is None else JsonSchemaOutput(schema, bool(strict))
        case ActionFormat():
            return ActionOutput()
        case _:
            return None


def guided_output(value: JSONSchema | str, field: str) -> OutputFormat:
    """The schema, or its JSON text. Raises `UnsupportedParameter`."""
    if isinstance(value, str):
        try:
            value = JSONTexts().parse(value)
        except ValueError:
            value = ""
    if not isinstance(value, dict):
        raise UnsupportedParameter(of_field(field, "send a JSON schema, or its text"), param=field)
    return JsonSchemaOutput(value)


def structured_output(value: StructuredOutputs) -> OutputFormat | None:
    """Raises `UnsupportedParameter` for grammars that are not JSON."""
    for name, part in (value.model_extra or {}).items():
        if part and not name.startswith("disable_"):
            refuse(f"structured_outputs.{name}")
    if value.json_ is not None:
        return guided_output(value.json_, "structured_outputs.json")
    return JsonObjectOutput() if value.json_object else None


def tools_of(tools: list[Tool] | None) -> tuple[ToolDefinition, ...]:
    """Raises `UnsupportedParameter` for tools that are not functions."""
    definitions = []
    for index, tool in enumerate(tools or ()):
        if tool.type != FUNCTION:
            refuse(f"tools.{index}.type", "only functions are supported")
        if tool.function is None:
            refuse(f"tools.{index}.function", "Field required")
        definitions.append(tool.function.to_tool())
    return tuple(definitions)


def tool_choice_of(choice: ToolChoiceField | None) -> ToolChoice:
    """Raises `UnsupportedParameter` for choices other than a mode or one function."""
    if not isinstance(choice, NamedToolChoice):
        return choice or "auto"
    if choice.type != FUNCTION or choice.function is None:
        refuse("tool_choice", "send auto, none, required or one function")
    return NamedTool(choice.function.name)


def refuse(field: str, reason: str = UNSUPPORTED) -> NoReturn:
    raise UnsupportedParameter(of_field(field, reason), param=field)


def refuse_set(values: Mapping[str, object]) -> None:
    """Raises `UnsupportedParameter` for the first value that would change the response."""
    for field, value in values.items():
        if value:
            refuse(field)
