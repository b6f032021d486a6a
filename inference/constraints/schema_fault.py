"""Finds the place in a schema that the compiler refuses. Its messages do not name it.

A part that fails by itself with the same message is the cause, or contains it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

TrySchema = Callable[[Mapping[str, Any]], str | None]
"""Compiles a schema. Returns the compiler's message, or None. Any: what JSON holds."""

_OPTIONS: Final = "x-guidance"
_DEFINITIONS: Final = ("$defs", "definitions")
_OF_NAMES: Final = (*_DEFINITIONS, "properties", "patternProperties")
_OF_SCHEMAS: Final = ("prefixItems", "anyOf", "oneOf", "allOf")
_SCHEMAS: Final = ("items", "additionalProperties")


def find_fault(
    schema: Mapping[str, Any], message: str, try_schema: TrySchema, *, names_keyword: bool
) -> Iterator[str]:
    """Yields the keys and indices down to the cause, each as soon as it is known.

    `schema` fails with `message`. With `names_keyword`, the last is the keyword at fault, if it is one.
    """
    shared = {name: schema[name] for name in (*_DEFINITIONS, _OPTIONS) if name in schema}

    def fails(part: object) -> bool:
        alone = part if isinstance(part, Mapping) else {"allOf": [part]}
        return try_schema({**alone, **shared}) == message

    part: object = schema
    while isinstance(part, Mapping):
        found = next(((steps, child) for steps, child in _parts_of(part) if fails(child)), None)
        if found is None:
            break
        steps, part = found
        yield from steps
    if names_keyword and isinstance(part, Mapping):
        yield from _keyword_of(part, fails)


def _parts_of(schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], object]]:
    """The schemas directly inside, with their places. Definitions come before what refers to them."""
    for keyword in _OF_NAMES:
        if isinstance(schema.get(keyword), Mapping):
            yield from (((keyword, name), part) for name, part in schema[keyword].items())
    for keyword in _OF_SCHEMAS:
        if isinstance(schema.get(keyword), list):
            yield from (((keyword, str(index)), part) for index, part in enumerate(schema[keyword]))
    yield from (((keyword,), schema[keyword]) for keyword in _SCHEMAS if keyword in schema)


def _keyword_of(schema: Mapping[str, Any], fails: Callable[[object], bool]) -> Iterator[str]:
    """The first keyword without which the schema does not fail."""
    for keyword in schema:
        without = {name: value for name, value in schema.items() if name != keyword}
        if keyword not in (*_DEFINITIONS, _OPTIONS) and not fails(without):
            yield keyword
            return
