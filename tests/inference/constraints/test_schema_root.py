"""References in a document of schemas, and the JSON types that its schemas allow."""

from typing import Any

import pytest

from inference.constraints.schema_root import SchemaRoot
from inference.constraints.schema_types import ALL_TYPES
from inference.errors import InvalidGrammar

ROOT: dict[str, Any] = {
    "properties": {"n": {"type": "number"}, "list": {"items": {"$ref": "#"}}},
    "prefixItems": [{"type": "boolean"}],
    "$defs": {
        "name": {"type": "string"},
        "a/b": {"type": "null"},
        "a b": {"type": "null"},
        "loop": {"$ref": "#/$defs/loop"},
        "count": {"type": "integer"},
    },
}


def types_of(schema: object) -> frozenset[str]:
    return SchemaRoot(ROOT, "tools", "f").types_of(schema)


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
        ({"$ref": "#/$defs/a%20b"}, {"null"}),
        ({"$ref": "#/properties/n"}, {"number"}),
        ({"$ref": "#/prefixItems/0"}, {"boolean"}),
        ({"$ref": "#"}, ALL_TYPES),
    ],
)
def test_types(schema: object, types: set[str]) -> None:
    assert types_of(schema) == types


@pytest.mark.parametrize(
    "reference",
    [
        *("https://example.com/schema", "file:///etc/passwd", "#name", 5),
        *("#/$defs/none", "#/prefixItems/1", "#/$defs/name/type"),
    ],
)
def test_references_that_do_not_resolve_are_refused_with_their_place(reference: object) -> None:
    with pytest.raises(InvalidGrammar, match="does not resolve") as caught:
        types_of({"anyOf": [{}, {"$ref": reference}]})
    assert caught.value.path == ("f", "anyOf", "1", "$ref")


def test_a_circle_is_refused() -> None:
    with pytest.raises(InvalidGrammar, match="refers to its own schema"):
        types_of({"$ref": "#/$defs/loop"})


class Counting(dict[str, Any]):
    looked_at = 0

    def __contains__(self, key: object) -> bool:
        if key == "type":
            Counting.looked_at += 1
        return super().__contains__(key)


def test_each_schema_is_looked_at_once() -> None:
    """Each definition refers to the next one thirty times."""
    schemas = {
        f"d{index}": Counting({"anyOf": [{"$ref": f"#/$defs/d{index + 1}"}] * 30}) for index in range(40)
    }
    schemas["d40"] = Counting({"type": "null"})
    root = SchemaRoot({"$defs": schemas}, "tools", "f")
    assert root.types_of({"$ref": "#/$defs/d0"}) == {"null"}
    assert Counting.looked_at == len(schemas)


def test_a_schema_alone_has_what_it_refers_to_and_no_more() -> None:
    root = SchemaRoot(ROOT, "tools", "f")
    alone = root.alone({"description": "long", "anyOf": [{"$ref": "#/$defs/name"}, {"$ref": "#/$defs/a~1b"}]})
    assert alone == {
        "anyOf": [{"$ref": "#/$defs/0"}, {"$ref": "#/$defs/1"}],
        "$defs": {"0": {"type": "string"}, "1": {"type": "null"}},
    }


def test_a_schema_alone_refers_to_the_root_of_its_document() -> None:
    root = SchemaRoot({"properties": {"a": {"items": {"$ref": "#"}}}, "title": "T"}, "tools", "f")
    alone = root.alone(root.target("#/properties/a", ()))
    assert alone["items"] == {"$ref": "#/$defs/0"}
    assert alone["$defs"] == {"0": {"properties": {"a": {"items": {"$ref": "#/$defs/0"}}}}}
