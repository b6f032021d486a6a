"""Names the part of a request under `/v1` for which the engine's compiler refuses the format or a tool."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.errors import InvalidOutputFormat
from app.sentence import of_engine
from inference import InvalidGrammar, ToolDefinition

_FIRST_STEPS: Final = 4  # of a path that is too long
_LAST_STEPS: Final = 8
_LONGEST_STEP: Final = 64  # characters


@dataclass(frozen=True, slots=True)
class OutputFields:
    """What a route calls them: the format, its schema, and the schema of a tool's parameters in the tool."""

    output_format: str
    schema: str
    parameters: str


def output_fault(
    error: InvalidGrammar, fields: OutputFields, tools: Sequence[ToolDefinition]
) -> InvalidOutputFormat:
    """The error for the client, with the path of the keyword or the schema if it is known."""
    path = error.path
    if error.field == "tools" and path:
        names = [tool.name for tool in tools]
        param = _joined(f"tools.{names.index(path[0])}.{fields.parameters}", path[1:])
    elif error.field == "response_format":
        param = fields.output_format if path is None else _joined(fields.schema, path)
    else:
        param = error.field
    return InvalidOutputFormat(of_engine(param, error.reason), param=param)


def _joined(field: str, path: Sequence[str]) -> str:
    steps = list(path)
    if len(steps) > _FIRST_STEPS + _LAST_STEPS:
        steps[_FIRST_STEPS:-_LAST_STEPS] = ["…"]
    return ".".join([field, *map(_harmless, steps)])


def _harmless(step: str) -> str:
    return step if len(step) <= _LONGEST_STEP and step.isprintable() else "?"
