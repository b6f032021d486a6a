"""`docs/settings.md`, made from `app/settings.py`: what can be set, how it is written, within what bounds."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

from app.cli.markdown import table
from app.settings import RemoteEndpointSettings, Settings
from inference import ScriptedReply

HEAD: Final = """# Settings

From the environment or a file `.env` in the working directory; the environment wins. A malformed value stops
the start, and `gateway doctor` names variables that set nothing. A duration is written as in ISO 8601:
`PT30S` is 30 seconds, `PT15M` 15 minutes, `P30D` 30 days. A list has commas between its items.

This page is made by `make docs`.
"""
_KINDS: Final[dict[Any, str]] = {
    bool: "true or false",
    int: "integer",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "text, secret",
    timedelta: "duration",
    RemoteEndpointSettings: "objects",
    ScriptedReply: "objects",
}
_DURATION: Final = TypeAdapter(timedelta)
_BOUNDS: Final = (
    (Ge, "ge", "at least"),
    (Gt, "gt", "more than"),
    (Le, "le", "at most"),
    (Lt, "lt", "less than"),
)


def settings_reference() -> str:
    plain: dict[str, FieldInfo] = {}
    sections: dict[str, type[BaseModel]] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            sections[name] = field.annotation
        else:
            plain[name] = field
    parts = [HEAD, _table("GATEWAY_", plain)]
    for name, section in sections.items():
        prefix = f"GATEWAY_{name.upper()}__"
        parts += [f"## `{prefix}…`\n", _table(prefix, section.model_fields)]
    return "\n".join(parts)


def _table(prefix: str, fields: dict[str, FieldInfo]) -> str:
    return table(
        ("setting", "value", "default", "what"),
        [
            (f"`{prefix}{name.upper()}`", _value_of(field), _default_of(field), field.description or "")
            for name, field in fields.items()
        ],
    )


def _value_of(field: FieldInfo) -> str:
    return ", ".join((_kind_of(field.annotation), *_bounds_of(field)))


def _kind_of(annotation: Any) -> str:  # Any: whatever a field may be annotated with
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_kind_of(argument) for argument in arguments if argument is not NoneType)
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin in (tuple, list, frozenset, set):
        return f"list of {_kind_of(arguments[0])}"
    return _KINDS[annotation]


def _bounds_of(field: FieldInfo) -> Iterator[str]:
    bounds = {
        label: _written(getattr(item, attribute))
        for kind, attribute, label in _BOUNDS
        for item in field.metadata
        if isinstance(item, kind)
    }
    if bounds.keys() == {"at least", "at most"}:
        yield f"{bounds['at least']} to {bounds['at most']}"
    else:
        yield from (f"{label} {bound}" for label, bound in bounds.items())


def _default_of(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default in (None, ()):
        return ""
    if isinstance(default, tuple):
        return f"`{','.join(map(_written, default))}`"
    return f"`{_written(default)}`"


def _written(value: object) -> str:
    """As it is set in the environment."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case timedelta():
            return str(_DURATION.dump_python(value, mode="json"))
        case _:
            return str(value)
