"""The interface between the text of a response and the tool calls in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from inference.constraints.schema_types import ALL_TYPES
from inference.types import ToolCall, ToolCallDelta, ToolDefinition

BEGIN_CALL: Final = "<tool_call>"
END_CALL: Final = "</tool_call>"
INSTRUCTIONS: Final = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

"""  # what every format's instructions begin with


@dataclass(frozen=True, slots=True)
class ArgumentTypes:
    """The JSON types that the arguments of one tool may have: of those with a name, and of all others."""

    named: Mapping[str, frozenset[str]] = field(default_factory=dict)
    others: frozenset[str] = ALL_TYPES

    def of(self, name: str) -> frozenset[str]:
        return self.named.get(name, self.others)


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

    def call_rules(
        self, tools: Sequence[ToolDefinition], is_regex: Callable[[str], bool]
    ) -> tuple[str, dict[str, ArgumentTypes]]:
        """The grammar's rules from `call` on: one call, after BEGIN_CALL, END_CALL included; and the types
        of each tool's arguments, which the parser needs.

        `is_regex` says whether the compiler understands a regular expression.

        May take any time and memory: call it in a process that can be killed. Raises `InvalidGrammar`.
        """
        ...

    def make_parser(self, types: Mapping[str, ArgumentTypes]) -> CallParser: ...

    def write_call(self, call: ToolCall, arguments: Mapping[str, object]) -> str:
        """One call of an earlier response, with its tags."""
        ...


def choice_rule(tools: Sequence[ToolDefinition]) -> str:
    """`call` is a call of one of the tools: `call_0`, `call_1` and so on."""
    return "call: " + " | ".join(f"call_{index}" for index in range(len(tools)))


def definition_of(tool: ToolDefinition) -> dict[str, object]:
    """As OpenAI spells it, which is what chat templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
