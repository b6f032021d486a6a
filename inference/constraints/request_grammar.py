"""The grammar of one response: what its output format, its tools and the choice of a tool ask for.

The engine makes an order, which is plain data and costs nothing. The order's grammar is written where a
hostile schema does no harm: in a process of its own (`grammar_server.py`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from inference.constraints.call_parser import BEGIN_CALL, ArgumentTypes, ToolFormat
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
_STARTS: Final = {
    "calls": f"{quoted(BEGIN_CALL)} calls",
    "after the first tag": "calls",
    "calls or answer": f"{quoted(BEGIN_CALL)} calls | answer",
    "answer": "answer",
}

Start = Literal["calls", "after the first tag", "calls or answer", "answer"]


@dataclass(frozen=True, slots=True)
class GrammarOrder:
    """What a grammar must allow. `field` is the request's part. `tools` are those that may be called."""

    field: str
    start: Start
    tools: tuple[ToolDefinition, ...] = ()
    has_several_calls: bool = False
    output_format: OutputFormat | None = None

    @property
    def begins_with_call(self) -> bool:
        """It constrains a response from its first BEGIN_CALL on, and what is before is free.

        Otherwise it constrains the whole response except its thoughts.
        """
        return self.start == "after the first tag"

    def to_text(self) -> str:
        """JSON, the same for equal orders."""
        tools = [[tool.name, tool.parameters, tool.strict] for tool in self.tools]
        return json.dumps(
            [self.field, self.start, tools, self.has_several_calls, _format_data(self.output_format)]
        )

    @classmethod
    def from_text(cls, text: str) -> "GrammarOrder":
        field, start, tools, has_several_calls, output_format = json.loads(text)
        definitions = tuple(
            ToolDefinition(name, "", parameters, strict) for name, parameters, strict in tools
        )
        return cls(field, start, definitions, has_several_calls, _format_of(output_format))


def callable_tools(request: GenerationRequest) -> tuple[ToolDefinition, ...]:
    """Returns the tools that the response may call."""
    match request.tool_choice:
        case "none":
            return ()
        case NamedTool(name):
            return tuple(tool for tool in request.tools if tool.name == name)
    return request.tools


def order_of(request: GenerationRequest) -> GrammarOrder | None:
    """Returns None for a response that is free. The request is within `check_bounds`."""
    tools, output_format = callable_tools(request), request.output_format
    has_several = request.parallel_tool_calls and not isinstance(request.tool_choice, NamedTool)
    if tools and request.tool_choice != "auto":
        return GrammarOrder("tools", "calls", tools, has_several)
    if tools and output_format is None:
        return GrammarOrder("tools", "after the first tag", tools, has_several)
    if output_format is None:
        return None
    if not tools:
        return GrammarOrder("response_format", "answer", output_format=output_format)
    return GrammarOrder("response_format", "calls or answer", tools, has_several, output_format)


def write_grammar(
    order: GrammarOrder, tool_format: ToolFormat, is_regex: Callable[[str], bool]
) -> tuple[str, dict[str, ArgumentTypes]]:
    """Returns the grammar and the types of each tool's arguments. May take any time and memory.

    Raises `InvalidGrammar`.
    """
    rules = [f"start: {_STARTS[order.start]}"]
    types: dict[str, ArgumentTypes] = {}
    if order.tools:
        call_rules, types = tool_format.call_rules(order.tools, is_regex)
        rules += [_CALLS if order.has_several_calls else _ONE_CALL, call_rules]
    if order.output_format is not None:
        rules.append(_answer_rules(order.output_format))
    return "\n".join(rules), types


def _answer_rules(output_format: OutputFormat) -> str:
    match output_format:
        case JsonObjectOutput():
            return f"answer: {json_object_rule()}"
        case JsonSchemaOutput(schema):
            return f"answer: {json_rule(schema)}"
        case ActionOutput():
            return f"answer: action\n{ACTION_RULES}"


def _format_data(output_format: OutputFormat | None) -> Any:  # Any: what JSON holds
    match output_format:
        case JsonSchemaOutput(schema):
            return schema
        case JsonObjectOutput():
            return "object"
        case ActionOutput():
            return "action"
    return None


def _format_of(data: Any) -> OutputFormat | None:
    match data:
        case None:
            return None
        case "object":
            return JsonObjectOutput()
        case "action":
            return ActionOutput()
    return JsonSchemaOutput(data)
