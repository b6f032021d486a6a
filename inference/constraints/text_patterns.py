"""Patterns and formats of strings as regular expressions of the compiler, which match whole texts."""

from typing import Final

ANYTHING: Final = "(?s:.*)"

_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(\.{_OCTET}){{3}}"
_HEX: Final = "[0-9a-fA-F]{1,4}"
_DATE: Final = (
    "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
FORMATS: Final = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}T{_TIME}",
    "duration": (
        "P([0-9]{1,9}W|([0-9]{1,9}Y)?([0-9]{1,9}M)?[0-9]{1,9}D|([0-9]{1,9}Y)?[0-9]{1,9}M|[0-9]{1,9}Y"
        "|T([0-9]{1,9}H)?([0-9]{1,9}M)?[0-9]{1,9}S|T([0-9]{1,9}H)?[0-9]{1,9}M|T[0-9]{1,9}H)"
    ),
    "email": rf"[A-Za-z0-9!#$%&'*+=?^_`{{|}}~-]+(\.[A-Za-z0-9!#$%&'*+=?^_`{{|}}~-]+)*@{_LABEL}(\.{_LABEL})+",
    "hostname": rf"{_LABEL}(\.{_LABEL})*",
    "ipv4": _IPV4,
    "ipv6": (
        f"({_HEX}:){{7}}{_HEX}|({_HEX}:){{6}}{_IPV4}|::({_HEX}(:{_HEX}){{0,5}})?"
        f"|{_HEX}::({_HEX}(:{_HEX}){{0,4}})?"
    ),
    "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "uri": r"[a-zA-Z][a-zA-Z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]+",
}
_ASCII: Final = {"d": "0-9", "w": "A-Za-z0-9_"}  # as JSON Schema has them


def search_regex(pattern: str) -> str | None:
    """Returns what matches the texts in which `pattern` is found.

    None: it has anchors in other places than at the ends of an alternative.
    """
    alternatives = []
    for alternative in _alternatives(pattern):
        begins = alternative[:1] == ["^"]
        ends = alternative[-1:] == ["$"]
        middle = alternative[begins : len(alternative) - ends]
        if any(piece in ("^", "$") for piece in middle):
            return None
        found = "".join(middle)
        alternatives.append(f"{'' if begins else ANYTHING}({found}){'' if ends else ANYTHING}")
    return "|".join(alternatives)


def _alternatives(pattern: str) -> list[list[str]]:
    """Characters, escapes and classes of each alternative that is not inside a group."""
    alternatives: list[list[str]] = [[]]
    depth, place = 0, 0
    while place < len(pattern):
        piece, place = _piece(pattern, place)
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and depth == 0:
            alternatives.append([])
        else:
            alternatives[-1].append(piece)
    return alternatives


def _piece(pattern: str, place: int) -> tuple[str, int]:
    """The character, escape or class at `place`, as the compiler spells it, and the place after it."""
    character = pattern[place]
    if character == "\\":
        escape = pattern[place + 1 : place + 2]
        return f"[{_ASCII[escape]}]" if escape in _ASCII else _spelled("\\" + escape), place + 1 + len(escape)
    if character != "[":
        return _spelled(character), place + 1
    pieces, place = ["["], place + 1
    if pattern[place : place + 1] == "^":
        pieces, place = ["[^"], place + 1
    while place < len(pattern) and pattern[place] != "]":
        escape = pattern[place + 1 : place + 2] if pattern[place] == "\\" else ""
        whole = pattern[place] + escape
        pieces.append(_ASCII.get(escape) or ("\\[" if whole == "[" else _spelled(whole)))
        place += len(whole)
    return "".join(pieces) + pattern[place : place + 1], place + 1


def _spelled(piece: str) -> str:
    """A slash would end the regular expression, and a line feed the line."""
    return {"/": r"\/", "\n": r"\n", "\\\n": r"\n"}.get(piece, piece)
