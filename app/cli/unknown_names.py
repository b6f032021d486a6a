"""Says which names there are where a setting has one that is none: in a section, or in an item of a list."""

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel

from app.settings import Settings

UNKNOWN: Final = ("extra_forbidden", "unexpected_keyword_argument")  # types of pydantic's errors


def explain_unknown(place: Sequence[int | str]) -> str:
    """`place` is that of an error of a type in `UNKNOWN`: it ends with the name."""
    kind: Any = Settings  # a type of any kind, on the way down
    for part in place[:-1]:
        kind = get_args(kind)[0] if isinstance(part, int) else kind.model_fields[part].annotation
    names = list(kind.model_fields) if issubclass(kind, BaseModel) else [each.name for each in fields(kind)]
    what, section, name = "member", "", str(place[-1])
    if len(place) == 2:  # a section and its setting
        what, section, name = "setting", f"GATEWAY_{place[0]}__".upper(), name.upper()
        names = [each.upper() for each in names]
    if near := get_close_matches(name, names, 1):
        return f"no {what} has that name; the nearest is {section}{near[0]}"
    return f"no {what} has that name; there are {', '.join(section + each for each in names)}"
