"""Random JSON schemas, small enough that a model that draws at random writes a value in some dozen tokens."""

import random
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]  # Any: JSON values

MAX_DEPTH = 3
_NAMES = ("a", "name", "größe", "x y", "$id", 'q"uote', "back\\slash")
_WORDS = ("red", "", "grün", 'a "b"', "line\nfeed", "\\", "好")
_PATTERNS = ("^[a-c]{1,3}$", "^\\d{2}-\\d$", "^(ab|cd)?x$", "z")


def random_schema(generator: random.Random, depth: int = 0) -> Schema:
    leaves = (_string, _integer, _number, _choice, _simple, _nullable)
    if depth == 0 and generator.random() < 0.1:
        return _with_definitions(generator)
    if depth < MAX_DEPTH and generator.random() < 0.65 - 0.15 * depth:
        nested: tuple[Callable[[random.Random, int], Schema], ...] = (_object, _object, _array, _any_of)
        return generator.choice(nested)(generator, depth + 1)
    return generator.choice(leaves)(generator)


def _string(generator: random.Random) -> Schema:
    if generator.random() < 0.3:
        return {"type": "string", "pattern": generator.choice(_PATTERNS), "maxLength": 6}
    shortest = generator.randint(0, 2)
    return {"type": "string", "minLength": shortest, "maxLength": shortest + generator.randint(0, 3)}


def _integer(generator: random.Random) -> Schema:
    low = generator.randint(-1000, 1000)
    schema: Schema = {"type": "integer", "minimum": low, "maximum": low + generator.choice((0, 7, 500))}
    if generator.random() < 0.2:
        return {"type": "integer", "multipleOf": generator.randint(1, 9), "minimum": 0, "maximum": 500}
    return schema


def _number(generator: random.Random) -> Schema:
    low = round(generator.uniform(-10, 10), 2)
    return {"type": "number", "minimum": low, "exclusiveMaximum": low + generator.choice((0.5, 30.0))}


def _choice(generator: random.Random) -> Schema:
    known: tuple[Any, ...] = (*_WORDS, 1, 2.5, None, True, [], {"a": 1})
    values = [generator.choice(known) for _ in range(3)]
    return {"enum": values} if generator.random() < 0.7 else {"const": values[0]}


def _simple(generator: random.Random) -> Schema:
    return {"type": generator.choice(("boolean", "null"))}


def _nullable(generator: random.Random) -> Schema:
    if generator.random() < 0.5:
        return {"type": ["boolean", "null"]}
    return {"anyOf": [_string(generator), _simple(generator)]}


def _object(generator: random.Random, depth: int) -> Schema:
    names = generator.sample(_NAMES, generator.randint(0, 3))
    return {
        "type": "object",
        "properties": {name: random_schema(generator, depth) for name in names},
        "required": [name for name in names if generator.random() < 0.7],
        "additionalProperties": False,
    }


def _array(generator: random.Random, depth: int) -> Schema:
    fewest = generator.randint(0, 1)
    if generator.random() < 0.3:
        first = [random_schema(generator, depth) for _ in range(2)]
        return {"type": "array", "prefixItems": first, "items": False, "minItems": fewest}
    return {
        "type": "array",
        "items": random_schema(generator, depth),
        "minItems": fewest,
        "maxItems": fewest + 1,
    }


def _any_of(generator: random.Random, depth: int) -> Schema:
    return {"anyOf": [random_schema(generator, depth) for _ in range(2)]}


def _with_definitions(generator: random.Random) -> Schema:
    """A value that refers to itself, and to another definition."""
    node = _object(generator, MAX_DEPTH)
    node["properties"]["next"] = {"anyOf": [{"$ref": "#/$defs/node"}, {"$ref": "#/$defs/end"}]}
    return {"$defs": {"node": node, "end": _simple(generator)}, "$ref": "#/$defs/node"}
