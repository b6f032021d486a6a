"""The grammar of one response: what its output format, its tools and the choice of a tool ask for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from inference.constraints.call_parser import BEGIN_CALL, ToolFormat
from inference.constraints.json_grammar import json_object_rule, json_rule, quoted
from inference.constraints.phone_actions import ACTION_RULES
from inference.types import (
    ActionOutput,
    GenerationRequest,
    JsonObjectOutput,
    JsonSchemaOutput,
    NamedTool,
    OutputFormat,
    ToolDefinition,
)

_CALLS: Final = f"""calls: call (AGAIN call)*
AGAIN: {quoted(BEGIN_CALL)} | {quoted(chr(10) + BEGIN_CALL)}"""
_ONE_CALL: Final = "calls: call"


@dataclass(frozen=True, slots=True)
class RequestGrammar:
    """`write` returns it and may take a while; it raises `InvalidGrammar`. `field` is the request's part.

    `begins_with_call`: it constrains a response from its first BEGIN_CALL on, and what is before is free.
    Otherwise it constrains the whole response except its thoughts.
    """

    field: str
    write: Callable[[], str]
    begins_with_call: bool = False


def callable_tools(request: GenerationRequest) -> tuple[ToolDefinition, ...]:
    """Returns the tools that the response may call."""
    match request.tool_choice:
        case "none":
            return ()
        case NamedTool(name):
            return tuple(tool for tool in request.tools if tool.name == name)
    return request.tools


def grammar_of(request: GenerationRequest, tool_format: ToolFormat) -> RequestGrammar | None:
    """Returns None for a response that is free. The request is within `check_bounds`."""
    tools, output_format = callable_tools(request), request.output_format
    is_named = isinstance(request.tool_choice, NamedTool)
    several = _CALLS if request.parallel_tool_calls and not is_named else _ONE_CALL

    def call_rules() -> str:
        return f"{several}\n{tool_format.call_rules(tools)}"

    if tools and request.tool_choice != "auto":
        return RequestGrammar("tools", lambda: f"start: {quoted(BEGIN_CALL)} calls\n{call_rules()}")
    if tools and output_format is None:
        return RequestGrammar("tools", lambda: f"start: calls\n{call_rules()}", begins_with_call=True)
    if output_format is None:
        return None
    if not tools:
        return RequestGrammar("response_format", lambda: f"start: answer\n{_answer_rules(output_format)}")
    start = f"start: {quoted(BEGIN_CALL)} calls | answer"
    return RequestGrammar(
        "response_format", lambda: f"{start}\n{call_rules()}\n{_answer_rules(output_format)}"
    )


def _answer_rules(output_format: OutputFormat) -> str:
    match output_format:
        case JsonObjectOutput():
            return f"answer: {json_object_rule()}"
        case JsonSchemaOutput(schema):
            return f"answer: {json_rule(schema)}"
        case ActionOutput():
            return f"answer: action\n{ACTION_RULES}"
