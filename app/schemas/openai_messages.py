"""The messages of `POST /v1/chat/completions`: their parts, calls of tools and results of tools."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from app.clean_text import CleanText
from app.schemas.generation import MAX_PROMPT_CHARACTERS, Base64
from app.schemas.openai_output import MAX_TOOLS, FunctionName, Lenient
from app.schemas.tool_arguments import ToolArguments


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
    arguments: ToolArguments = Field("", description="the text of a JSON object")


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


def texts_of(messages: list[ChatCompletionMessage]) -> Iterator[str]:
    for message in messages:
        if isinstance(message, AssistantMessage):
            yield from (call.function.arguments for call in message.tool_calls or ())
        if isinstance(message.content, str):
            yield message.content
        for part in message.content if isinstance(message.content, list) else ():
            match part:
                case TextPart(text=text) | RefusalPart(refusal=text):
                    yield text
