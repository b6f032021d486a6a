"""From what a client sent to what a backend takes: decodes media and puts parts into their messages."""

from collections.abc import Sequence

from app.media.decoding import MediaBudget, MediaDecoder
from app.media.upload import Source
from app.schemas.chat import ChatRequest
from app.schemas.openai import AudioPart, ChatCompletionRequest, ContentPart, ImagePart, TextPart
from inference import Image, Message, Part, Text


async def decode_images(images: Sequence[Source], decoder: MediaDecoder, budget: MediaBudget) -> list[Image]:
    """Files, base64 or data URIs. Raises `InvalidImage`, `ImageTooLarge`."""
    return [await decoder.image(image, budget) for image in images]


async def chat_messages(request: ChatRequest, decoder: MediaDecoder, budget: MediaBudget) -> list[Message]:
    if request.prompt is not None:
        messages = [Message("user", (Text(request.prompt),))]
    else:
        messages = [Message(message.role, (Text(message.content),)) for message in request.messages or ()]
    return attach_images(messages, await decode_images(request.images, decoder, budget))


async def chat_completion_messages(
    request: ChatCompletionRequest, decoder: MediaDecoder, budget: MediaBudget
) -> list[Message]:
    """Raises what decoding raises."""
    messages = []
    for message in request.messages:
        role = "system" if message.role == "developer" else message.role
        if isinstance(message.content, str):
            parts: tuple[Part, ...] = (Text(message.content),)
        else:
            parts = tuple([await _decode_part(part, decoder, budget) for part in message.content])
        messages.append(Message(role, parts))
    return attach_images(messages, await decode_images(request.images or (), decoder, budget))


async def _decode_part(part: ContentPart, decoder: MediaDecoder, budget: MediaBudget) -> Part:
    match part:
        case TextPart(text=text):
            return Text(text)
        case ImagePart(image_url=image_url):
            return await decoder.image(image_url.url, budget)
        case AudioPart(input_audio=input_audio):
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
