"""The input items of `POST /v1/responses` as messages for a backend."""

from collections.abc import Sequence
from dataclasses import replace

from app.http.messages import field_at_fault
from app.media.decoding import MediaBudget, MediaDecoder
from app.schemas.response_items import (
    AudioInput,
    FunctionCallItem,
    FunctionCallOutputItem,
    ImageInput,
    InputPart,
    MessageItem,
    ReasoningItem,
    RefusalInput,
    TextInput,
)
from app.schemas.response_request import CreateResponseRequest
from inference import Message, Part, Role, Text, ToolCall


async def response_messages(
    request: CreateResponseRequest, decoder: MediaDecoder, budget: MediaBudget
) -> list[Message]:
    """Raises what decoding raises."""
    messages = []
    if request.instructions:
        messages.append(Message("system", (Text(request.instructions),)))
    if isinstance(request.input, str):
        return [*messages, Message("user", (Text(request.input),))]
    calls: list[ToolCall] = []  # which no message has yet
    for number, item in enumerate(request.input):
        path = f"input.{number}"
        if not isinstance(item, FunctionCallItem | ReasoningItem):
            _move_calls(calls, messages)
        match item:
            case MessageItem(role=sent_role, content=content):
                role: Role = "system" if sent_role == "developer" else sent_role
                parts = await _decode_content(content, decoder, budget, f"{path}.content")
                messages.append(Message(role, parts))
            case FunctionCallItem():
                calls.append(ToolCall(item.call_id, item.name, item.arguments))
            case FunctionCallOutputItem(call_id=call_id, output=output):
                parts = await _decode_content(output, decoder, budget, f"{path}.output")
                messages.append(Message("tool", parts or (Text(""),), tool_call_id=call_id))
    _move_calls(calls, messages)
    return messages


def _move_calls(calls: list[ToolCall], messages: list[Message]) -> None:
    """The calls of one turn, and the text before them, are one message."""
    if calls and messages and messages[-1].role == "assistant":
        messages[-1] = replace(messages[-1], tool_calls=(*messages[-1].tool_calls, *calls))
    elif calls:
        messages.append(Message("assistant", (), tuple(calls)))
    calls.clear()


async def _decode_content(
    content: str | Sequence[InputPart], decoder: MediaDecoder, budget: MediaBudget, path: str
) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    parts: list[Part] = []
    for index, part in enumerate(content):
        match part:
            case TextInput(text=text) | RefusalInput(refusal=text):
                parts.append(Text(text))
            case ImageInput(image_url=image):
                with field_at_fault(f"{path}.{index}.image_url"):
                    parts.append(await decoder.image(image, budget))
            case AudioInput(input_audio=audio):
                with field_at_fault(f"{path}.{index}.input_audio.data"):
                    parts += await decoder.audio(audio.data, budget)
    return tuple(parts)
