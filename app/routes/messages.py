"""From what a client sent to what a backend takes: decodes media and puts parts into their messages."""

from collections.abc import Sequence

from app.errors import TooManyImages
from app.media.decoding import MediaDecoder
from app.schemas.chat import ChatRequest
from app.schemas.openai import AudioPart, ChatCompletionRequest, ContentPart, ImagePart, TextPart
from app.settings import MediaSettings
from inference import Image, Message, Part, Text


async def decode_images(images: Sequence[str], decoder: MediaDecoder, settings: MediaSettings) -> list[Image]:
    """Base64 or data URIs. Raises `TooManyImages`, `InvalidImage`, `ImageTooLarge`."""
    if len(images) > settings.max_images:
        raise TooManyImages()
    return [await decoder.image(image) for image in images]


async def chat_messages(
    request: ChatRequest, decoder: MediaDecoder, settings: MediaSettings
) -> list[Message]:
    if request.messages:
        messages = [Message(message.role, (Text(message.content),)) for message in request.messages]
    else:
        messages = [Message("user", (Text(request.prompt),))]
    return attach_images(messages, await decode_images(request.images, decoder, settings))


async def chat_completion_messages(
    request: ChatCompletionRequest, decoder: MediaDecoder, settings: MediaSettings
) -> list[Message]:
    """Raises `TooManyImages` and what decoding raises."""
    image_count = len(request.images or ()) + sum(
        isinstance(part, ImagePart)
        for message in request.messages
        if not isinstance(message.content, str)
        for part in message.content
    )
    if image_count > settings.max_images:
        raise TooManyImages()
    messages = []
    for message in request.messages:
        role = "system" if message.role == "developer" else message.role
        if isinstance(message.content, str):
            parts: tuple[Part, ...] = (Text(message.content),)
        else:
            parts = tuple([await _decode_part(part, decoder) for part in message.content])
        messages.append(Message(role, parts))
    return attach_images(messages, await decode_images(request.images or (), decoder, settings))


async def _decode_part(part: ContentPart, decoder: MediaDecoder) -> Part:
    match part:
        case TextPart(text=text):
            return Text(text)
        case ImagePart(image_url=image_url):
            return await decoder.image(image_url.url)
        case AudioPart(input_audio=input_audio):
            return await decoder.audio(input_audio.data)


def attach_images(messages: list[Message], images: Sequence[Image]) -> list[Message]:
    """Puts the images before the text of the last user message, or into a new one when there is none."""
    if not images:
        return messages
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "user":
            with_images = Message("user", (*images, *messages[index].parts))
            return [*messages[:index], with_images, *messages[index + 1 :]]
    return [*messages, Message("user", tuple(images))]
