"""Tools for chat templates: which format a template writes calls in, and messages for one without tools."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from inference.constraints.call_parser import ToolFormat, definition_of
from inference.constraints.glm_calls import GlmCalls
from inference.constraints.hermes_calls import HermesCalls
from inference.errors import PromptRefused
from inference.types import Message, Part, Text, ToolCall, ToolDefinition


def choose_tool_format(template: str) -> ToolFormat:
    """Returns the format that a template's source mentions, or else that of GLM-4.5."""
    if "<arg_key>" in template:
        return GlmCalls("" if "</arg_key><arg_value>" in template else "\n")
    if "<tool_call>" in template:
        return HermesCalls()
    return GlmCalls()


def without_tools(
    messages: tuple[Message, ...], tools: tuple[ToolDefinition, ...], tool_format: ToolFormat
) -> tuple[Message, ...]:
    """The same conversation in messages of system, user and assistant, whose texts have the tools.

    The definitions follow the system message's text. Results of tools are messages of the user.
    """
    plain = tuple(_plain(messages, tool_format))
    if not tools:
        return plain
    definitions = "\n".join(json.dumps(definition_of(tool), ensure_ascii=False) for tool in tools)
    text = tool_format.instructions.replace("{tools}", definitions)
    if plain and plain[0].role == "system":
        return (replace(plain[0], parts=(*plain[0].parts, Text("\n\n" + text))), *plain[1:])
    return (Message("system", (Text(text),)), *plain)


def arguments_of(call: ToolCall) -> Mapping[str, object]:
    """Raises `PromptRefused`."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise PromptRefused("the arguments of a tool call are not a JSON object")
    return arguments


def _plain(messages: tuple[Message, ...], tool_format: ToolFormat) -> Iterator[Message]:
    for is_result, group in groupby(messages, lambda message: message.role == "tool"):
        if is_result:
            yield Message("user", tuple(_results(list(group))))
            continue
        for message in group:
            calls = [tool_format.write_call(call, arguments_of(call)) for call in message.tool_calls]
            if calls and message.parts:
                calls[0] = "\n" + calls[0]
            written = (Text("\n".join(calls)),) if calls else ()
            yield Message(message.role, message.parts + written)


def _results(messages: list[Message]) -> Iterator[Part]:
    for index, message in enumerate(messages):
        yield Text("\n<tool_response>\n" if index else "<tool_response>\n")
        yield from message.parts
        yield Text("\n</tool_response>")
