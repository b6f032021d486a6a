"""Grammars of JSON, in llguidance's dialect of Lark."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from inference.constraints.schema_keywords import with_schemas

# Models write one space, or a line feed and an indentation. More would let a response consist of white space.
WHITESPACE = r" |\n( {0,32}|\t{0,8})"

_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri")
)
_BOUNDS: Final = {
    "exclusiveMaximum": ("minimum", "exclusiveMinimum"),
    "exclusiveMinimum": ("maximum", "exclusiveMaximum"),
}
_INSIDE: Final = 2**-20  # of the distance between two bounds
PLACE: Final = "$comment"  # which the compiler ignores: the path of the schema in the request
SCHEMA_RULE: Final = re.compile(r"\w+: %json (\{.*\})")


def json_rule(schema: Mapping[str, object], *, is_lenient: bool = False, path: Sequence[str] = ()) -> str:
    """The right side of a rule. `is_lenient` ignores keywords that the compiler does not know.

    Formats that it does not know are ignored in any case, as the standard allows: `int64`, `password`, ….
    `path` leads from the request's field to the schema.
    """
    options = {"whitespace_pattern": WHITESPACE, "lenient": is_lenient}
    known = {**_without_unknown_formats(schema), PLACE: list(path), "x-guidance": options}
    return f"%json {json.dumps(known)}"


def _without_unknown_formats(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    known = with_schemas(schema, _without_unknown_formats)
    if isinstance(known.get("format"), str) and known["format"] not in _FORMATS:
        del known["format"]
    return known | _narrower_bounds(known)


def _narrower_bounds(schema: Mapping[str, Any]) -> dict[str, float]:
    """Bounds that exclude an integer, a little inside it, if the other bound is less than 1 away.

    For at least 2.5 and less than 3, say, the compiler takes 3 itself. No integer is in between.
    """
    narrower = {}
    for excluding, others in _BOUNDS.items():
        end = schema.get(excluding)
        if not _is_number(end) or end % 1:
            continue
        for start in filter(_is_number, map(schema.get, others)):
            if 0 < abs(start - end) < 1 and (start < end) is (excluding == "exclusiveMaximum"):
                narrower[excluding] = end + (start - end) * _INSIDE
    return narrower


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def json_object_rule() -> str:
    return json_rule({"type": "object"})


def quoted(text: str) -> str:
    """A literal, or nothing for an empty one."""
    return json.dumps(text, ensure_ascii=False) if text else ""
