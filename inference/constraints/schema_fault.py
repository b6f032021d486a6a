"""Finds the place in a schema that the compiler refuses. Its messages do not name it.

A part that fails by itself with the same message is the cause, or contains it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from inference.constraints.schema_keywords import DEFINITIONS, schemas_inside

TrySchema = Callable[[Mapping[str, Any]], str | None]
"""Compiles a schema. Returns the compiler's message, or None. Any: what JSON holds."""

_OPTIONS: Final = "x-guidance"


def find_fault(
    schema: Mapping[str, Any], message: str, try_schema: TrySchema, *, names_keyword: bool
) -> Iterator[str]:
    """Yields the keys and indices down to the cause, each as soon as it is known.

    `schema` fails with `message`. With `names_keyword`, the last is the keyword at fault, if it is one.
    """
    shared = {name: schema[name] for name in (*DEFINITIONS, _OPTIONS) if name in schema}

    def fails(part: object) -> bool:
        alone = part if isinstance(part, Mapping) else {"allOf": [part]}
        return try_schema({**alone, **shared}) == message

    part: object = schema
    while isinstance(part, Mapping):
        found = next(((steps, child) for steps, child in schemas_inside(part) if fails(child)), None)
        if found is None:
            break
        steps, part = found
        yield from steps
    if names_keyword and isinstance(part, Mapping):
        yield from _keyword_of(part, fails)


def _keyword_of(schema: Mapping[str, Any], fails: Callable[[object], bool]) -> Iterator[str]:
    """The first keyword without which the schema does not fail."""
    for keyword in schema:
        without = {name: value for name, value in schema.items() if name != keyword}
        if keyword not in (*DEFINITIONS, _OPTIONS) and not fails(without):
            yield keyword
            return
