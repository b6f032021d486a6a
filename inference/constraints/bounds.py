"""What a request may ask of the grammar compiler. These checks cost little and need no model."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from inference.errors import InvalidGrammar, InvalidParameter
from inference.types import GenerationRequest, JsonSchemaOutput, NamedTool

MAX_SCHEMA_BYTES = 262_144  # of JSON text, of a response format or of all tools together
MAX_SCHEMA_DEPTH = 64
MAX_TEXT_CHARACTERS = 131_072
MAX_TOOLS = 128
MAX_BIASES = 1024  # tokens

_TEXT_TOO_LONG: Final = f"must not have texts of more than {MAX_TEXT_CHARACTERS} characters"
_NOT_JSON: Final = (
    f"must be JSON, and {_TEXT_TOO_LONG.removeprefix('must ')}"  # a body's long texts are no `str`
)
_LARGEST_INTEGER: Final = 2**64
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def check_bounds(request: GenerationRequest) -> None:
    """Raises `InvalidGrammar`."""
    if isinstance(request.output_format, JsonSchemaOutput):
        check_schemas("response_format", [request.output_format.schema])
    names = [tool.name for tool in request.tools]
    if len(names) > MAX_TOOLS:
        raise InvalidGrammar("tools", f"must not be more than {MAX_TOOLS}")
    if not all(map(_TOOL_NAME.fullmatch, names)):
        raise InvalidGrammar("tools", "must have names of 1 to 128 letters, digits and any of _ . : / -")
    if len(set(names)) < len(names):
        raise InvalidGrammar("tools", "must have different names")
    check_schemas("tools", (tool.parameters for tool in request.tools))
    choice = request.tool_choice
    if isinstance(choice, NamedTool) and choice.name not in names:
        raise InvalidGrammar("tool_choice", "must name one of the tools")
    if choice == "required" and not names:
        raise InvalidGrammar("tool_choice", "must not require a tool where there is none")


def check_logit_bias(request: GenerationRequest, vocab_size: int) -> None:
    """Raises `InvalidParameter`."""
    biases = request.sampling_params.logit_bias
    if len(biases) > MAX_BIASES:
        raise InvalidParameter("logit_bias", f"must not have more than {MAX_BIASES} tokens")
    if any(not 0 <= token_id < vocab_size for token_id, _ in biases):
        raise InvalidParameter("logit_bias", "must name tokens that the model has")


def check_schemas(field: str, schemas: Iterable[Mapping[str, object]]) -> None:
    """Raises `InvalidGrammar` for schemas that are nested too deeply or too long together.

    Costs no more than what is within the bounds, however long they are.
    """
    size = 0
    for schema in schemas:
        for value in _within_depth(field, schema):
            size += _least_bytes(field, value)
            if size > MAX_SCHEMA_BYTES:
                raise InvalidGrammar(field, f"must not be longer than {MAX_SCHEMA_BYTES} bytes")


def _within_depth(field: str, schema: object) -> Iterator[object]:
    """Every value and key, level by level: a recursive function would exhaust the stack."""
    level: list[object] = [schema]
    for _ in range(MAX_SCHEMA_DEPTH + 1):
        following: list[object] = []
        for value in level:
            yield value
            if isinstance(value, Mapping):
                yield from value
                following += value.values()
            elif isinstance(value, list | tuple):
                following += value
        if not following:
            return
        level = following
    raise InvalidGrammar(field, f"must not be nested more than {MAX_SCHEMA_DEPTH} levels deep")


def _least_bytes(field: str, value: object) -> int:
    """Returns at least how long its JSON is, without what is inside an object or an array."""
    if isinstance(value, str):
        if MAX_TEXT_CHARACTERS < len(value) <= MAX_SCHEMA_BYTES:
            raise InvalidGrammar(field, _TEXT_TOO_LONG)
        return 3 + len(value)
    if value is None or isinstance(value, bool | Mapping | list | tuple):
        return 2
    if isinstance(value, int):
        if abs(value) > _LARGEST_INTEGER:
            raise InvalidGrammar(field, "must not have integers of more than 64 bits")
        return 2
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidGrammar(field, _NOT_JSON)
        return 2
    raise InvalidGrammar(field, _NOT_JSON)
