"""Puts together the tool calls of an engine's stream. Engines number and name their pieces differently.

OpenAI's have an index each, and the first of a call has its id and name. Others send no index, the same
index for every call, a call in one piece, its arguments as an object, or one `function_call`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from inference.backends.remote.json_values import text_of
from inference.errors import GenerationFailed
from inference.types import ToolCallDelta

MAX_CALLS: Final = 128


@dataclass(slots=True)
class _Call:
    index: int
    engines_id: str
    name: str
    has_arguments: bool = False


class ToolCallReader:
    """One per generation. Calls are numbered in the order in which they begin."""

    def __init__(self, id_prefix: str, *, only_first: bool) -> None:
        """`only_first`: further calls are dropped."""
        self._id_prefix = id_prefix
        self._only_first = only_first
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}  # the engine's, whose last call has it

    def __bool__(self) -> bool:
        return bool(self._calls)

    def read(self, pieces: object) -> tuple[ToolCallDelta, ...]:
        """`pieces` is what `tool_calls` has. Raises `GenerationFailed`."""
        if isinstance(pieces, Mapping):
            pieces = [pieces]
        if not isinstance(pieces, list):
            return ()
        return tuple(self._read(pieces))

    def read_legacy(self, function: object) -> tuple[ToolCallDelta, ...]:
        """`function` is what `function_call` has: the only call."""
        return self.read([{"index": 0, "function": function}]) if isinstance(function, Mapping) else ()

    def end(self) -> tuple[ToolCallDelta, ...]:
        """Arguments of the calls for which the engine sent none."""
        calls = self._calls[:1] if self._only_first else self._calls
        return tuple(ToolCallDelta(call.index, arguments="{}") for call in calls if not call.has_arguments)

    def _read(self, pieces: list[Any]) -> Iterator[ToolCallDelta]:
        for piece in pieces:
            if not isinstance(piece, Mapping):
                continue
            function = piece.get("function")
            function = function if isinstance(function, Mapping) else {}
            engines_id, name = text_of(piece.get("id")), text_of(function.get("name"))
            index = _index(piece.get("index"))
            call = self._continued(index, engines_id, name)
            begins = call is None
            if call is None:
                call = self._begin(index, engines_id, name)
            arguments = _arguments(function.get("arguments"))
            call.has_arguments = call.has_arguments or bool(arguments)
            if call.index and self._only_first:
                continue
            if begins:
                call_id = engines_id or f"call_{self._id_prefix}_{call.index}"
                yield ToolCallDelta(call.index, call_id, name, arguments)
            else:
                yield ToolCallDelta(call.index, arguments=arguments)

    def _continued(self, index: int | None, engines_id: str, name: str) -> _Call | None:
        """The call that the piece belongs to; None if it begins another one."""
        last = self._calls[-1] if self._calls else None
        call = last if index is None else self._by_index.get(index)
        if call is None or not name:
            return call
        if engines_id or call.engines_id:
            return None if engines_id not in ("", call.engines_id) else call
        return call if name == call.name and not call.has_arguments else None

    def _begin(self, index: int | None, engines_id: str, name: str) -> _Call:
        if not name:
            raise GenerationFailed("the engine sent a tool call without a name")
        if len(self._calls) == MAX_CALLS:
            raise GenerationFailed("the engine sent too many tool calls")
        call = _Call(len(self._calls), engines_id, name)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call


def _index(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 4:
        value = int(value)
    return value if isinstance(value, int) else None


def _arguments(value: object) -> str:
    return orjson.dumps(value).decode() if isinstance(value, Mapping) else text_of(value)
