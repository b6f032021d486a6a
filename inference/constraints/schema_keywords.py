"""Where a schema has other schemas inside, and which of its keywords only describe it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

DEFINITIONS: Final = ("$defs", "definitions")
OF_NAMES: Final = (*DEFINITIONS, "properties", "patternProperties", "dependentSchemas")
OF_SCHEMAS: Final = ("prefixItems", "anyOf", "oneOf", "allOf", "items")
OF_ONE: Final = (
    *("items", "additionalProperties", "additionalItems", "contains", "unevaluatedItems"),
    *("propertyNames", "unevaluatedProperties", "not", "if", "then", "else"),
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


def schemas_inside(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each schema directly inside, after its place. Definitions come before what refers to them."""
    for keyword in OF_NAMES:
        if isinstance(schema.get(keyword), Mapping):
            yield from (((keyword, name), each) for name, each in schema[keyword].items())
    for keyword in OF_SCHEMAS:
        if isinstance(schema.get(keyword), list):
            yield from (((keyword, str(index)), each) for index, each in enumerate(schema[keyword]))
    for keyword in OF_ONE:
        if keyword in schema and not (keyword in OF_SCHEMAS and isinstance(schema[keyword], list)):
            yield (keyword,), schema[keyword]


def _changed(keyword: str, value: Any, change: Callable[[Any], Any]) -> Any:
    if keyword in OF_NAMES and isinstance(value, Mapping):
        return {name: change(each) for name, each in value.items()}
    if keyword in OF_SCHEMAS and isinstance(value, list):
        return [change(each) for each in value]
    return change(value) if keyword in OF_ONE else value
