"""Where a schema has other schemas inside, and which of its keywords only describe it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

OF_NAMES: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
OF_SCHEMAS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems", "items"})
OF_ONE: Final = frozenset(
    {"items", "additionalItems", "contains", "unevaluatedItems"}
    | {"additionalProperties", "propertyNames", "unevaluatedProperties"}
    | {"not", "if", "then", "else"}
)
ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly"}
    | {"$comment", "$schema", "$id"}
)


def with_schemas(
    schema: Mapping[str, Any],
    change: Callable[[Any], Any],  # Any: what JSON holds
) -> dict[str, Any]:
    """A copy in which `change` has replaced each schema directly inside. Data and names stay as they are."""
    return {keyword: _changed(keyword, value, change) for keyword, value in schema.items()}


def _changed(keyword: str, value: Any, change: Callable[[Any], Any]) -> Any:
    if keyword in OF_NAMES and isinstance(value, Mapping):
        return {name: change(each) for name, each in value.items()}
    if keyword in OF_SCHEMAS and isinstance(value, list):
        return [change(each) for each in value]
    return change(value) if keyword in OF_ONE else value
