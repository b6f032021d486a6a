"""The actions of a phone agent, as its model writes them: `do(action="Back")`, `finish(message="…")`.

The result has the members that Open-AutoGLM's own parser gives them, `_metadata` among them.
"""

import re
from typing import Any, Final

_CALL: Final = re.compile(r"\s*(do|finish)\((.*)\)\s*", re.DOTALL)
_ARGUMENT: Final = re.compile(
    r'\s*([A-Za-z_]\w*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|\[\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*\]|(-?\d{1,9}))\s*(,|\Z)',
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
# A text that the model did not escape, to its last quote.
_UNESCAPED: Final = re.compile(r'(action="(Type|Type_Name)"\s*,\s*)?(text|message)="(.*)"\s*', re.DOTALL)

Action = dict[str, Any]  # Any: a text, a number or a point


def parse_action(text: str) -> Action | None:
    """Returns None for what is not one whole action."""
    call = _CALL.fullmatch(text)
    if call is None:
        return None
    kind, written = call.groups()
    arguments = _arguments(written)
    if arguments is None:
        arguments = _unescaped(kind, written)
    if arguments is None or (kind == "do") != ("action" in arguments):
        return None
    return {"_metadata": kind} | arguments


def _arguments(written: str) -> Action | None:
    arguments: Action = {}
    position = 0
    while position < len(written):
        found = _ARGUMENT.match(written, position)
        if found is None or found[1] in arguments:
            return None
        name, quoted, x, y, number, _ = found.groups()
        if quoted is not None:
            arguments[name] = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted)
        else:
            arguments[name] = int(number) if x is None else [int(x), int(y)]
        position = found.end()
    return arguments


def _unescaped(kind: str, written: str) -> Action | None:
    found = _UNESCAPED.fullmatch(written)
    if found is None or (kind == "do") != (found[2] is not None):
        return None
    return ({"action": found[2]} if found[2] else {}) | {found[3]: found[4]}
