"""The input of `POST /v1/responses`: messages, calls of functions and their outputs."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from app.clean_text import CleanText
from app.schemas.generation import MAX_MESSAGES, MAX_PROMPT_CHARACTERS, Base64
from app.schemas.openai_messages import InputAudio
from app.schemas.openai_output import Lenient
from app.schemas.tool_arguments import ToolArguments

_Text = Annotated[CleanText, Field(max_length=MAX_PROMPT_CHARACTERS)]


class TextInput(Lenient):
    type: Literal["input_text", "output_text", "text"]
    text: _Text


class RefusalInput(Lenient):
    type: Literal["refusal"]
    refusal: _Text


class ImageInput(Lenient):
    type: Literal["input_image"]
    image_url: Base64 = Field(description="a data URI; addresses are not fetched")


class AudioInput(Lenient):
    type: Literal["input_audio"]
    input_audio: InputAudio


InputPart = Annotated[TextInput | RefusalInput | ImageInput | AudioInput, Field(discriminator="type")]
InputContent = Annotated[
    Annotated[_Text, Tag("text")] | Annotated[list[InputPart], Field(max_length=64), Tag("parts")],
    Discriminator(lambda content: "parts" if isinstance(content, list) else "text"),
]


class MessageItem(Lenient):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: InputContent


class FunctionCallItem(Lenient):
    type: Literal["function_call"]
    call_id: CleanText = Field(max_length=256)
    name: CleanText = Field(min_length=1, max_length=128)
    arguments: ToolArguments


class FunctionCallOutputItem(Lenient):
    type: Literal["function_call_output"]
    call_id: CleanText = Field(max_length=256)
    output: InputContent


class ReasoningItem(Lenient):
    """Of an earlier response. Thoughts are not part of the prompt."""

    type: Literal["reasoning"]


class OtherItem(Lenient):
    """Refused by its type."""

    type: CleanText = Field(max_length=64)


def _kind_of_item(item: Any) -> str:  # Any: what JSON holds
    """A message needs no type."""
    kind = item.get("type", "message") if isinstance(item, dict) else "message"
    return kind if kind in ("message", "function_call", "function_call_output", "reasoning") else "other"


InputItem = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[FunctionCallOutputItem, Tag("function_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[OtherItem, Tag("other")],
    Discriminator(_kind_of_item),
]
Input = Annotated[
    Annotated[_Text, Tag("text")]
    | Annotated[list[InputItem], Field(min_length=1, max_length=MAX_MESSAGES), Tag("items")],
    Discriminator(lambda value: "items" if isinstance(value, list) else "text"),
]
