"""What a request may ask of the grammar compiler. These checks cost little and need no model."""

import json
import re
from collections.abc import Iterable, Mapping

from inference.errors import InvalidGrammar
from inference.types import GenerationRequest, JsonSchemaOutput, NamedTool

MAX_SCHEMA_BYTES = 262_144  # of JSON text, of a response format or of all tools together
MAX_SCHEMA_DEPTH = 64
MAX_TOOLS = 128
MAX_BIASES = 1024  # tokens

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
    """Raises `InvalidGrammar`."""
    biases = request.sampling_params.logit_bias
    if len(biases) > MAX_BIASES:
        raise InvalidGrammar("logit_bias", f"must not have more than {MAX_BIASES} tokens")
    if any(not 0 <= token_id < vocab_size for token_id, _ in biases):
        raise InvalidGrammar("logit_bias", "must name tokens that the model has")


def check_schemas(field: str, schemas: Iterable[Mapping[str, object]]) -> None:
    """Raises `InvalidGrammar` for schemas that are nested too deeply or too long together."""
    size = 0
    for schema in schemas:
        if _depth_exceeds(schema, MAX_SCHEMA_DEPTH):
            raise InvalidGrammar(field, f"must not be nested more than {MAX_SCHEMA_DEPTH} levels deep")
        try:
            size += len(json.dumps(schema, ensure_ascii=False, allow_nan=False).encode())
        except (TypeError, ValueError):
            raise InvalidGrammar(field, "must be JSON") from None
        if size > MAX_SCHEMA_BYTES:
            raise InvalidGrammar(field, f"must not be longer than {MAX_SCHEMA_BYTES} bytes")


def _depth_exceeds(value: object, most: int) -> bool:
    """Level by level, since a recursive function would exhaust the stack."""
    level = [value]
    for _ in range(most + 1):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
