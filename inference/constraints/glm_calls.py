r"""Tool calls as GLM writes them since 4.5, one element per argument; since 4.7 without the line feeds.

    <tool_call>name\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>\n</tool_call>

A string is written as it is, every other value as JSON.
"""

import json
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from inference.constraints.call_parser import BEGIN_CALL, END_CALL, INSTRUCTIONS, ArgumentTypes
from inference.constraints.glm_grammar import END_KEY, END_VALUE, KEY, VALUE, GlmGrammar
from inference.constraints.json_scanner import JsonScanner
from inference.constraints.markers import first_of, held_back
from inference.constraints.schema_types import STRING, type_of
from inference.types import ToolCall, ToolCallDelta, ToolDefinition

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
        argument = f"{KEY}{{arg-key}}{END_KEY}{feed}{VALUE}{{arg-value}}{END_VALUE}{feed}"
        return f"{INSTRUCTIONS}{_HOW}{BEGIN_CALL}{{function-name}}{feed}{argument}...{feed}{END_CALL}"

    def call_rules(
        self, tools: Sequence[ToolDefinition], is_regex: Callable[[str], bool]
    ) -> tuple[str, dict[str, ArgumentTypes]]:
        return GlmGrammar(self.line_feed, is_regex).call_rules(tools)

    def make_parser(self, types: Mapping[str, ArgumentTypes]) -> "GlmCallParser":
        return GlmCallParser(types)

    def write_call(self, call: ToolCall, arguments: Mapping[str, object]) -> str:
        feed = self.line_feed
        pieces = [f"{BEGIN_CALL}{call.name}{feed}"]
        for key, value in arguments.items():
            written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            pieces.append(f"{KEY}{key}{END_KEY}{feed}{VALUE}{written}{END_VALUE}{feed}")
        return "".join([*pieces, END_CALL])


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
                return self._after(self._take(KEY, END_CALL), begins=True)
            case _State.AFTER_VALUE:
                return self._after(self._take(KEY, END_CALL), begins=False)
            case _State.KEY:
                if found := self._take(END_KEY):
                    self._key, self._state = found[0], _State.BEFORE_VALUE
            case _State.BEFORE_VALUE:
                if self._take(VALUE):
                    return self._begin_value()
            case _State.TEXT:
                return self._pass_text()
            case _State.JSON:
                return self._pass_json()
            case _State.EITHER:
                if found := self._take(END_VALUE):
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
        self._state = _State.KEY if marker == KEY else _State.OUTSIDE
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
        if found := self._take(END_VALUE):
            self._state = _State.AFTER_VALUE
            return self._arguments(_escaped(found[0]) + '"')
        ready = len(self._buffer) - held_back(self._buffer, (END_VALUE,))
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
            value = json.loads(written, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            value = written
        is_other = type_of(value) in self._types.of(self._key) - STRING
        return written.strip() if is_other else json.dumps(written, ensure_ascii=False)

    def _arguments(self, piece: str) -> ToolCallDelta:
        return ToolCallDelta(self._index, arguments=piece)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("not a number that decoders read")
    return number


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
