"""Which JSON types a schema allows."""

import pytest

from inference.constraints.schema_types import ALL_TYPES, types_of

ROOT = {
    "$defs": {
        "name": {"type": "string"},
        "a/b": {"type": "null"},
        "loop": {"$ref": "#/$defs/loop"},
        "count": {"type": "integer"},
    }
}


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({}, ALL_TYPES),
        (True, ALL_TYPES),
        (False, set()),
        ({"type": "integer"}, {"number"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"const": "a"}, {"string"}),
        ({"enum": ["a", 1, True, None, [], {}]}, ALL_TYPES),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, {"string", "boolean"}),
        ({"oneOf": [{"$ref": "#/$defs/name"}, {"$ref": "#/$defs/count"}]}, {"string", "number"}),
        ({"allOf": [{"type": ["string", "null"]}, {"type": ["null", "number"]}]}, {"null"}),
        ({"$ref": "#/$defs/a~1b"}, {"null"}),
        ({"$ref": "#/$defs/loop"}, ALL_TYPES),
        ({"$ref": "https://example.com/schema"}, ALL_TYPES),
        ({"$ref": "#/$defs/none"}, ALL_TYPES),
    ],
)
def test_types(schema: object, types: set[str]) -> None:
    assert types_of(schema, ROOT) == types
