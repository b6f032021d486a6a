r"""Tool calls as GLM writes them since 4.5, one element per argument; since 4.7 without the line feeds.

    <tool_call>name\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>\n</tool_call>

A string is written as it is, every other value as JSON.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from inference.constraints.call_parser import BEGIN_CALL, END_CALL, INSTRUCTIONS, ArgumentTypes, choice_rule
from inference.constraints.json_grammar import json_rule, quoted
from inference.constraints.json_scanner import JsonScanner
from inference.constraints.markers import first_of, held_back
from inference.constraints.schema_types import STRING, type_of, types_of
from inference.errors import InvalidGrammar
from inference.types import ToolCall, ToolCallDelta, ToolDefinition

_KEY, _END_KEY, _VALUE, _END_VALUE = "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"
_LONGEST_BOUND = 4096  # characters; longer bounds of a string are not compiled

_HOW: Final = (
    "For each function call, output the function name and arguments within the following XML format:\n"
)


@dataclass(frozen=True, slots=True)
class GlmCalls:
    """See `ToolFormat`."""

    line_feed: str = "\n"

    @property
    def instructions(self) -> str:
        feed = self.line_feed
        argument = f"{_KEY}{{arg-key}}{_END_KEY}{feed}{_VALUE}{{arg-value}}{_END_VALUE}{feed}"
        return f"{INSTRUCTIONS}{_HOW}{BEGIN_CALL}{{function-name}}{feed}{argument}...{feed}{END_CALL}"

    def call_rules(self, tools: Sequence[ToolDefinition]) -> tuple[str, dict[str, ArgumentTypes]]:
        rules = [choice_rule(tools)]
        for index, tool in enumerate(tools):
            rules += self._rules_of(f"call_{index}", tool)
        return "\n".join(rules), {tool.name: _types_of(tool) for tool in tools}

    def make_parser(self, types: Mapping[str, ArgumentTypes]) -> "GlmCallParser":
        return GlmCallParser(types)

    def write_call(self, call: ToolCall, arguments: Mapping[str, object]) -> str:
        feed = self.line_feed
        pieces = [f"{BEGIN_CALL}{call.name}{feed}"]
        for key, value in arguments.items():
            written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            pieces.append(f"{_KEY}{key}{_END_KEY}{feed}{_VALUE}{written}{_END_VALUE}{feed}")
        return "".join([*pieces, END_CALL])

    def _rules_of(self, name: str, tool: ToolDefinition) -> Iterator[str]:
        arguments = []
        required = set(required_of(tool))
        for index, (key, schema) in enumerate(properties_of(tool).items()):
            if any(character in key for character in "<>\n"):
                reason = "must have parameters without <, > and line feeds in their names"
                raise InvalidGrammar("tools", reason, (tool.name,))
            yield from self._argument_rules(f"{name}_{index}", key, schema, tool)
            arguments.append(f"{name}_{index}" + ("" if key in required else "?"))
        if not arguments and tool.parameters.get("additionalProperties", True) is not False:
            key_rule = f"{quoted(_KEY)} /[^<>\\n]+/ {quoted(_END_KEY + self.line_feed + _VALUE)}"
            yield f"{name}_any: {key_rule} {name}_value {quoted(self.line_feed)}"
            yield f"{name}_value[suffix={quoted(_END_VALUE)}]: /(?s:.*)/"
            arguments.append(f"{name}_any*")
        yield f"{name}: {quoted(tool.name + self.line_feed)} {' '.join(arguments)} {quoted(END_CALL)}"

    def _argument_rules(self, name: str, key: str, schema: object, tool: ToolDefinition) -> Iterator[str]:
        root = tool.parameters
        opening = quoted(_KEY + key + _END_KEY + self.line_feed + _VALUE)
        closing = quoted(_END_VALUE + self.line_feed)
        types = types_of(schema, root)
        if "string" not in types:
            definitions = {name: root[name] for name in ("$defs", "definitions") if name in root}
            described = schema if isinstance(schema, Mapping) else {}
            yield f"{name}: {opening} {name}_value {closing}"
            path = tool.name, "properties", key
            rule = json_rule({**definitions, **described}, is_lenient=True, path=path)
            yield f"{name}_value: {rule}"
            return
        choices = _string_choices(schema) if types == STRING else None
        if choices is not None:
            yield f"{name}: {opening} ({' | '.join(map(quoted, choices))}) {closing}"
            return
        yield f"{name}: {opening} {name}_value {quoted(self.line_feed)}"
        bounds = _length_bounds(schema) if types == STRING else "*"
        yield f"{name}_value[suffix={quoted(_END_VALUE)}]: /(?s:.{bounds})/"


class _State(Enum):
    NAME = auto()
    KEY = auto()
    BEFORE_VALUE = auto()
    TEXT = auto()  # a string, which is passed on while it is written
    JSON = auto()  # another value, likewise
    EITHER = auto()  # a value whose type is known at its end
    AFTER_VALUE = auto()
    OUTSIDE = auto()


class GlmCallParser:
    """See `CallParser`."""

    def __init__(self, types: Mapping[str, ArgumentTypes]) -> None:
        self._types_of_tools = types
        self._types = ArgumentTypes()  # of the call that is being read
        self._state = _State.NAME
        self._buffer = ""
        self._index = -1
        self._key = ""
        self._num_arguments = 0
        self._scanner = JsonScanner()

    @property
    def num_calls(self) -> int:
        return self._index + 1

    def push(self, text: str) -> list[ToolCallDelta]:
        self._buffer += text
        deltas: list[ToolCallDelta] = []
        while True:
            state, length = self._state, len(self._buffer)
            delta = self._advance()
            if delta is not None:
                deltas.append(delta)
            if self._state is state and len(self._buffer) == length:
                return _joined(deltas)

    def _advance(self) -> ToolCallDelta | None:
        """Handles the next part of the buffer, if it is complete."""
        match self._state:
            case _State.NAME:
                return self._after(self._take(_KEY, END_CALL), begins=True)
            case _State.AFTER_VALUE:
                return self._after(self._take(_KEY, END_CALL), begins=False)
            case _State.KEY:
                if found := self._take(_END_KEY):
                    self._key, self._state = found[0], _State.BEFORE_VALUE
            case _State.BEFORE_VALUE:
                if self._take(_VALUE):
                    return self._begin_value()
            case _State.TEXT:
                return self._pass_text()
            case _State.JSON:
                return self._pass_json()
            case _State.EITHER:
                if found := self._take(_END_VALUE):
                    self._state = _State.AFTER_VALUE
                    return self._arguments(self._convert(found[0]))
            case _State.OUTSIDE:
                if self._take(BEGIN_CALL):
                    self._state = _State.NAME
        return None

    def _take(self, *markers: str) -> tuple[str, str] | None:
        """Removes what is before a marker, and the marker, and returns both."""
        found = first_of(self._buffer, markers)
        if found is None:
            return None
        self._buffer = found[2]
        return found[0], found[1]

    def _after(self, found: tuple[str, str] | None, *, begins: bool) -> ToolCallDelta | None:
        """After a name or a value: the next argument, or the end of the call."""
        if found is None:
            return None
        before, marker = found
        opening = ""
        name = ""
        if begins:
            name = before.strip()
            self._types = self._types_of_tools.get(name, ArgumentTypes())
            self._index, self._num_arguments = self._index + 1, 0
            opening = "{"
        self._state = _State.KEY if marker == _KEY else _State.OUTSIDE
        arguments = opening + ("}" if marker == END_CALL else "")
        if begins:
            return ToolCallDelta(self._index, f"call_{secrets.token_hex(12)}", name, arguments)
        return self._arguments(arguments) if arguments else None

    def _begin_value(self) -> ToolCallDelta:
        separator = ", " if self._num_arguments else ""
        self._num_arguments += 1
        self._scanner = JsonScanner()
        types = self._types.of(self._key)
        opening = ""
        if types == STRING:
            self._state, opening = _State.TEXT, '"'
        else:
            self._state = _State.EITHER if "string" in types else _State.JSON
        return self._arguments(f"{separator}{json.dumps(self._key, ensure_ascii=False)}: {opening}")

    def _pass_text(self) -> ToolCallDelta | None:
        if found := self._take(_END_VALUE):
            self._state = _State.AFTER_VALUE
            return self._arguments(_escaped(found[0]) + '"')
        ready = len(self._buffer) - held_back(self._buffer, (_END_VALUE,))
        piece, self._buffer = self._buffer[:ready], self._buffer[ready:]
        return self._arguments(_escaped(piece)) if piece else None

    def _pass_json(self) -> ToolCallDelta | None:
        count = self._scanner.push(self._buffer)
        piece, self._buffer = self._buffer[:count], self._buffer[count:]
        if self._scanner.is_done:
            self._state = _State.AFTER_VALUE
        return self._arguments(piece) if piece else None

    def _convert(self, written: str) -> str:
        """Returns the JSON of a value that may be a string: what is JSON of another type is that."""
        try:
            value = json.loads(written)
        except ValueError:
            value = written
        is_other = type_of(value) in self._types.of(self._key) - STRING
        return json.dumps(value if is_other else written, ensure_ascii=False)

    def _arguments(self, piece: str) -> ToolCallDelta:
        return ToolCallDelta(self._index, arguments=piece)


def _types_of(tool: ToolDefinition) -> ArgumentTypes:
    properties = properties_of(tool).items()
    return ArgumentTypes({key: types_of(schema, tool.parameters) for key, schema in properties})


def properties_of(tool: ToolDefinition) -> dict[str, object]:
    """The parameters' schemas by name, also of those that are only required."""
    properties = tool.parameters.get("properties")
    known = dict(properties) if isinstance(properties, Mapping) else {}
    return known | {name: {} for name in required_of(tool) if name not in known}


def required_of(tool: ToolDefinition) -> list[str]:
    required = tool.parameters.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def _string_choices(schema: object) -> list[str] | None:
    if not isinstance(schema, Mapping):
        return None
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return None
    return values if all(_END_VALUE not in value for value in values) else None


def _length_bounds(schema: object) -> str:
    """The repetition of a regular expression."""
    shortest, longest = (
        schema.get(name) if isinstance(schema, Mapping) else None for name in ("minLength", "maxLength")
    )
    low = shortest if isinstance(shortest, int) and 0 <= shortest <= _LONGEST_BOUND else 0
    if isinstance(longest, int) and low <= longest <= _LONGEST_BOUND:
        return f"{{{low},{longest}}}"
    return f"{{{low},}}"


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _joined(deltas: list[ToolCallDelta]) -> list[ToolCallDelta]:
    """One delta for each call that the pieces belong to."""
    joined: list[ToolCallDelta] = []
    for delta in deltas:
        if joined and joined[-1].index == delta.index:
            last = joined.pop()
            delta = ToolCallDelta(last.index, last.id, last.name, last.arguments + delta.arguments)
        joined.append(delta)
    return joined
