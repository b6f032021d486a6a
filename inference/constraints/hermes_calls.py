r"""Tool calls as Hermes, Qwen and others write them: JSON between tags.

<tool_call>\n{"name": "n", "arguments": {…}}\n</tool_call>
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from inference.constraints.call_parser import BEGIN_CALL, END_CALL, INSTRUCTIONS, ArgumentTypes, choice_rule
from inference.constraints.json_grammar import json_rule, quoted
from inference.constraints.json_scanner import JsonScanner
from inference.constraints.markers import first_of
from inference.types import ToolCall, ToolCallDelta, ToolDefinition

_HOW: Final = """\
For each function call, return a json object with function name and arguments within XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""
_HEAD = re.compile(r'\s*\{"name": ("(?:[^"\\]|\\.)*"), "arguments": ')


@dataclass(frozen=True, slots=True)
class HermesCalls:
    """See `ToolFormat`."""

    instructions: str = INSTRUCTIONS + _HOW

    def call_rules(
        self, tools: Sequence[ToolDefinition], is_regex: Callable[[str], bool]
    ) -> tuple[str, dict[str, ArgumentTypes]]:
        rules = [choice_rule(tools)]
        for index, tool in enumerate(tools):
            head = f'\n{{"name": {json.dumps(tool.name)}, "arguments": '
            schema = {"type": "object", **tool.parameters}
            rules.append(f"call_{index}: {quoted(head)} arguments_{index} {quoted('}' + chr(10) + END_CALL)}")
            rules.append(
                f"arguments_{index}: {json_rule(schema, is_lenient=not tool.strict, path=[tool.name])}"
            )
        return "\n".join(rules), {}

    def make_parser(self, types: Mapping[str, ArgumentTypes]) -> "HermesCallParser":
        return HermesCallParser()

    def write_call(self, call: ToolCall, arguments: Mapping[str, object]) -> str:
        written = json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)
        return f"{BEGIN_CALL}\n{written}\n{END_CALL}"


class HermesCallParser:
    """See `CallParser`."""

    def __init__(self) -> None:
        self._buffer = ""
        self._index = -1
        self._is_inside = True  # between the tags
        self._scanner: JsonScanner | None = None  # of the arguments that are being written

    @property
    def num_calls(self) -> int:
        return self._index + 1

    def push(self, text: str) -> list[ToolCallDelta]:
        self._buffer += text
        deltas: list[ToolCallDelta] = []
        while True:
            before = len(self._buffer), self._is_inside, self._scanner
            delta = self._advance()
            if delta is not None:
                deltas.append(delta)
            if (len(self._buffer), self._is_inside, self._scanner) == before:
                return deltas

    def _advance(self) -> ToolCallDelta | None:
        if self._scanner is not None:
            count = self._scanner.push(self._buffer)
            piece, self._buffer = self._buffer[:count], self._buffer[count:]
            if self._scanner.is_done:
                self._scanner = None
            return ToolCallDelta(self._index, arguments=piece) if piece else None
        found = first_of(self._buffer, (BEGIN_CALL, END_CALL))
        head = _HEAD.match(self._buffer) if self._is_inside else None
        if head is not None:
            self._buffer = self._buffer[head.end() :]
            self._index += 1
            self._scanner = JsonScanner()
            return ToolCallDelta(self._index, f"call_{secrets.token_hex(12)}", json.loads(head[1]))
        if found is not None:
            self._is_inside, self._buffer = found[1] == BEGIN_CALL, found[2]
        return None
