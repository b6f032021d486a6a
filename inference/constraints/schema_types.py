"""Which JSON types a schema allows, as far as its keywords say without solving them."""

from collections.abc import Iterable, Mapping
from typing import Final

STRING: Final = frozenset({"string"})
ALL_TYPES: Final = frozenset({"string", "number", "boolean", "null", "array", "object"})

_MAX_REFERENCES = 8
_NAMES: Final = {bool: "boolean", str: "string", int: "number", float: "number", type(None): "null"}


def types_of(schema: object, root: Mapping[str, object], references: int = 0) -> frozenset[str]:
    """Integers are numbers. A schema that is not understood allows all types."""
    if not isinstance(schema, Mapping):
        return frozenset() if schema is False else ALL_TYPES
    types = ALL_TYPES
    if "type" in schema:
        types &= _named(schema["type"])
    if "const" in schema:
        types &= {type_of(schema["const"])}
    if isinstance(schema.get("enum"), list):
        types &= frozenset(map(type_of, schema["enum"]))
    target = resolve(schema.get("$ref"), root)
    if target is not None and references < _MAX_REFERENCES:
        types &= types_of(target, root, references + 1)
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list):
            types &= frozenset[str]().union(*_each(schema[keyword], root, references))
    if isinstance(schema.get("allOf"), list):
        types = types.intersection(*_each(schema["allOf"], root, references))
    return types


def type_of(value: object) -> str:
    """Returns the JSON type of a Python value."""
    if isinstance(value, Mapping):
        return "object"
    return _NAMES.get(type(value), "array")


def resolve(reference: object, root: Mapping[str, object]) -> object | None:
    """Returns the part of `root` that a reference of the form "#/$defs/name" points to."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    target: object = root
    for name in reference[2:].split("/"):
        key = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(target, Mapping) or key not in target:
            return None
        target = target[key]
    return target


def _each(schemas: list[object], root: Mapping[str, object], references: int) -> Iterable[frozenset[str]]:
    return [types_of(schema, root, references) for schema in schemas]


def _named(names: object) -> frozenset[str]:
    listed = names if isinstance(names, list) else [names]
    return frozenset("number" if name == "integer" else str(name) for name in listed)
