"""The interface between the text of a response and the tool calls in it."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from inference.types import ToolCall, ToolCallDelta, ToolDefinition

BEGIN_CALL: Final = "<tool_call>"
END_CALL: Final = "</tool_call>"


class CallParser(Protocol):
    """One per response. Reads calls, one after the other, while they are written."""

    @property
    def num_calls(self) -> int: ...

    def push(self, text: str) -> list[ToolCallDelta]:
        """`text` goes on with the calls, from after the first BEGIN_CALL."""
        ...


class ToolFormat(Protocol):
    """How a model writes calls of tools."""

    @property
    def instructions(self) -> str:
        """What a system message says about tools, for a chat template that does not mention them. The
        definitions replace "{tools}"."""
        ...

    def call_rules(self, tools: Sequence[ToolDefinition]) -> str:
        """The grammar's rules from `call` on: one call, after BEGIN_CALL, END_CALL included.

        Raises `InvalidGrammar`.
        """
        ...

    def make_parser(self, tools: Sequence[ToolDefinition]) -> CallParser: ...

    def write_call(self, call: ToolCall, arguments: Mapping[str, object]) -> str:
        """One call of an earlier response, with its tags."""
        ...


def definition_of(tool: ToolDefinition) -> dict[str, object]:
    """As OpenAI spells it, which is what chat templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
