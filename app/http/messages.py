"""From what a client sent to what a backend takes: decodes media and puts parts into their messages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.errors import BodyTooLarge, InvalidMedia
from app.media.decoding import MediaBudget, MediaDecoder
from app.media.upload import Source
from app.schemas.chat import ChatRequest
from app.schemas.openai import ChatCompletionRequest
from app.schemas.openai_messages import (
    AnyPart,
    AssistantMessage,
    AudioPart,
    ImagePart,
    MessageToolCall,
    RefusalPart,
    TextPart,
    ToolMessage,
)
from inference import Image, Message, Part, Role, Text, ToolCall


@contextmanager
def field_at_fault(path: str) -> Iterator[None]:
    """Names the field in an error of its media."""
    try:
        yield
    except (InvalidMedia, BodyTooLarge) as error:
        error.param = path
        raise


async def decode_images(
    images: Sequence[Source], decoder: MediaDecoder, budget: MediaBudget, path: str
) -> list[Image]:
    """Files, base64 or data URIs of the field at `path`. Raises `InvalidImage`, `ImageTooLarge`."""
    decoded = []
    for index, image in enumerate(images):
        with field_at_fault(f"{path}.{index}"):
            decoded.append(await decoder.image(image, budget))
    return decoded


async def chat_messages(request: ChatRequest, decoder: MediaDecoder, budget: MediaBudget) -> list[Message]:
    if request.prompt is not None:
        messages = [Message("user", (Text(request.prompt),))]
    else:
        messages = [Message(message.role, (Text(message.content),)) for message in request.messages or ()]
    return attach_images(messages, await decode_images(request.images, decoder, budget, "images"))


async def chat_completion_messages(
    request: ChatCompletionRequest, decoder: MediaDecoder, budget: MediaBudget
) -> list[Message]:
    """Raises what decoding raises."""
    messages = []
    for number, message in enumerate(request.messages):
        content = message.content
        if isinstance(content, str):
            parts: tuple[Part, ...] = (Text(content),)
        else:
            parts = await _decode_parts(content or (), decoder, budget, f"messages.{number}.content")
        match message:
            case AssistantMessage(tool_calls=calls):
                if parts or calls:  # without both there were only thoughts
                    messages.append(Message("assistant", parts, _tool_calls(calls or ())))
            case ToolMessage(tool_call_id=call_id):
                messages.append(Message("tool", parts or (Text(""),), tool_call_id=call_id))
            case _:
                role: Role = "user" if message.role == "user" else "system"
                messages.append(Message(role, parts))
    return attach_images(messages, await decode_images(request.images or (), decoder, budget, "images"))


def _tool_calls(calls: Sequence[MessageToolCall]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in calls)


async def _decode_parts(
    parts: Sequence[AnyPart], decoder: MediaDecoder, budget: MediaBudget, path: str
) -> tuple[Part, ...]:
    decoded: list[Part] = []
    for index, part in enumerate(parts):
        decoded += await _decode_part(part, decoder, budget, f"{path}.{index}")
    return tuple(decoded)


async def _decode_part(
    part: AnyPart, decoder: MediaDecoder, budget: MediaBudget, path: str
) -> tuple[Part, ...]:
    """More than one for a recording of several phrases."""
    match part:
        case TextPart(text=text) | RefusalPart(refusal=text):
            return (Text(text),)
        case ImagePart(image_url=image_url):
            with field_at_fault(f"{path}.image_url.url"):
                return (await decoder.image(image_url.url, budget),)
        case AudioPart(input_audio=input_audio):
            with field_at_fault(f"{path}.input_audio.data"):
                return await decoder.audio(input_audio.data, budget)


def attach_images(messages: list[Message], images: Sequence[Image]) -> list[Message]:
    """Puts the images before the text of the last user message, or into a new one when there is none."""
    if not images:
        return messages
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "user":
            with_images = Message("user", (*images, *messages[index].parts))
            return [*messages[:index], with_images, *messages[index + 1 :]]
    return [*messages, Message("user", tuple(images))]
