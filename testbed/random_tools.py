"""Random parameters of tools: shapes that frameworks make of signatures, and some that nobody would."""

import random

from testbed.random_schemas import Schema, random_schema

_WORDS = ("x", "north", "", "12", "true", "null", "[1]", "größe", "a<b")
_FORMATS = (
    "date",
    "time",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
    "uri",
    "int64",
)
_PATTERNS = ("^[0-9]{2}$", "^a|b$", "c", "^(on|off)?$", r"^\d[\w/]$")
_NAMES = ("a", "city", "größe", "x y", "default", "enum", "format", "$id")

DEFINITIONS: Schema = {
    "Direction": {"type": "string", "enum": ["north", "south"], "title": "Direction"},
    "Count": {"type": "integer", "minimum": 0, "maximum": 99},
    "Tree": {
        "type": "object",
        "properties": {
            "leaf": {"$ref": "#/$defs/Direction"},
            "next": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]},
        },
        "required": ["leaf", "next"],
        "additionalProperties": False,
    },
}  # fmt: skip


def random_parameters(generator: random.Random) -> Schema:
    """The schema of one tool's arguments."""
    draw = generator.random()
    if draw < 0.1:
        return {"$ref": "#/$defs/Root", "$defs": {**DEFINITIONS, "Root": _object(generator)}}
    if draw < 0.2:
        alternatives = [_tagged(generator, tag) for tag in ("one", "two")]
        return {generator.choice(("anyOf", "oneOf")): alternatives, "$defs": DEFINITIONS}
    if draw < 0.25:
        return {
            "allOf": [_object(generator), {"required": ["a"], "properties": {"a": {}}}],
            "$defs": DEFINITIONS,
        }
    if draw < 0.3:
        return {"type": "object", "additionalProperties": random_value(generator), "$defs": DEFINITIONS}
    return {**_object(generator), "$defs": DEFINITIONS}


def random_value(generator: random.Random) -> Schema:
    """The schema of one argument."""
    draw = generator.random()
    if draw < 0.3:
        return _string(generator)
    if draw < 0.4:
        return {"$ref": f"#/$defs/{generator.choice(tuple(DEFINITIONS))}"}
    if draw < 0.65:
        alternatives = [generator.choice((_string, _other))(generator) for _ in range(2)]
        return {"anyOf": [*alternatives, {"$ref": f"#/$defs/{generator.choice(tuple(DEFINITIONS))}"}]}
    if draw < 0.7:
        return {"enum": [generator.choice((*_WORDS, 1, None, True, 2.5)) for _ in range(3)]}
    if draw < 0.75:
        return {"allOf": [{"type": ["string", "null"]}, {"enum": [*_WORDS[:3], None, 7]}]}
    if draw < 0.8:
        return {"type": "array", "items": {"$ref": "#/$defs/Direction"}, "maxItems": 2, "default": []}
    return _other(generator)


def _object(generator: random.Random) -> Schema:
    names = generator.sample(_NAMES, generator.randint(1, 3))
    names = ["a", *(name for name in names if name != "a")]
    return {
        "type": "object",
        "properties": {name: random_value(generator) for name in names},
        "required": [name for name in names if generator.random() < 0.7],
        "additionalProperties": False,
    }


def _tagged(generator: random.Random, tag: str) -> Schema:
    properties = {"kind": {"const": tag}, "a": random_value(generator)}
    return {
        "type": "object",
        "properties": properties,
        "required": ["kind", "a"],
        "additionalProperties": False,
    }


def _string(generator: random.Random) -> Schema:
    kinds: tuple[Schema, ...] = (
        {"enum": generator.sample(_WORDS, 2)},
        {"type": "string", "const": generator.choice(_WORDS)},
        {"type": "string", "pattern": generator.choice(_PATTERNS), "maxLength": 8},
        {"type": "string", "format": generator.choice(_FORMATS), "maxLength": 40},
        {"type": "string", "minLength": 1, "maxLength": generator.randint(1, 5)},
    )
    return generator.choice(kinds)


def _other(generator: random.Random) -> Schema:
    if generator.random() < 0.3:
        return {"type": ["string", generator.choice(("integer", "null", "boolean"))], "maxLength": 6}
    return random_schema(generator, 2)
