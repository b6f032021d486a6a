"""Grammars of JSON, in llguidance's dialect of Lark."""

import json
from collections.abc import Mapping

# Models write one space, or a line feed and an indentation. More would let a response consist of white space.
WHITESPACE = r" |\n( {0,32}|\t{0,8})"


def json_rule(schema: Mapping[str, object], *, is_lenient: bool = False) -> str:
    """The right side of a rule. `is_lenient` ignores keywords that the compiler does not know."""
    options = {"whitespace_pattern": WHITESPACE, "lenient": is_lenient}
    return f"%json {json.dumps({**schema, 'x-guidance': options})}"


def json_object_rule() -> str:
    return json_rule({"type": "object"})


def quoted(text: str) -> str:
    """A literal, or nothing for an empty one."""
    return json.dumps(text, ensure_ascii=False) if text else ""
