"""JSON types, as schemas name them and as Python values have them. Integers are numbers."""

from collections.abc import Mapping
from typing import Final

STRING: Final = frozenset({"string"})
ALL_TYPES: Final = frozenset({"string", "number", "boolean", "null", "array", "object"})

_NAMES: Final = {bool: "boolean", str: "string", int: "number", float: "number", type(None): "null"}


def type_of(value: object) -> str:
    """Returns the JSON type of a Python value."""
    if isinstance(value, Mapping):
        return "object"
    return _NAMES.get(type(value), "array")


def named_types(names: object) -> frozenset[str]:
    """Of the keyword `type`."""
    listed = names if isinstance(names, list) else [names]
    return frozenset("number" if name == "integer" else str(name) for name in listed)


def natural_number(value: object) -> int | None:
    """Of a keyword that counts, such as `maxLength`; `2.0` is 2. None for any other value."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
