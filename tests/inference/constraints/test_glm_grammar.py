"""Arguments in GLM's format hold the schema: what is generated is valid, and what is valid is generated."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from inference.constraints.glm_calls import GlmCalls
from inference.constraints.grammar_vocabulary import GrammarVocabulary
from inference.errors import InvalidGrammar
from inference.types import ToolDefinition

Schema = dict[str, Any]  # Any: what JSON holds

E: Schema = {"type": "string", "enum": ["x", "y"]}
DEFINITIONS: Schema = {"E": E, "N": {"type": ["null", "boolean"]}}
BOTH = ["a", "b"]
TAGGED: Schema = {
    "oneOf": [
        {"properties": {"a": {"const": "text"}, "b": {"type": "string"}}, "required": BOTH},
        {"properties": {"a": {"const": "count"}, "b": {"type": "integer"}}, "required": BOTH},
    ]
}
NULLS: Schema = {"properties": {"a": {"type": "null"}, "b": {"type": "null"}}}
STRING: Schema = {"type": "string"}
FEW: Schema = {"type": "integer", "maximum": 5}


def closed(schema: object, **more: Any) -> Schema:
    """A tool's parameters: `a`, which is required."""
    properties = {"a": schema}
    return {
        "type": "object",
        "properties": properties,
        "required": ["a"],
        "additionalProperties": False,
        "$defs": DEFINITIONS,
    } | more


@pytest.fixture(scope="module")
def vocabulary() -> GrammarVocabulary:
    return GrammarVocabulary([bytes([byte]) for byte in range(256)] + [b""], [], [256])


@pytest.fixture
def generates(vocabulary: GrammarVocabulary):
    def ask(parameters: Schema, arguments: list[tuple[str, str]], *, strict: bool = True) -> bool:
        """Whether the arguments, as they are written, may be a call; then they are read and validated."""
        tool = ToolDefinition("f", "", parameters, strict)
        rules, types = GlmCalls().call_rules((tool,), vocabulary.is_regex)
        grammar = f"start: call\n{rules}"
        assert vocabulary.try_grammar(grammar) is None, grammar
        written = "".join(
            f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n" for key, value in arguments
        )
        text = f"f\n{written}</tool_call>"
        constraint = vocabulary.compile(grammar)
        if not (constraint.accepts_text(text) and constraint.is_complete):
            return False
        pieces = GlmCalls().make_parser(types).push(text)
        read = json.loads("".join(piece.arguments for piece in pieces), parse_constant=pytest.fail)
        if strict:
            Draft202012Validator(parameters).validate(read)
        return True

    return ask


@pytest.mark.parametrize(
    ("schema", "generated", "not_generated"),
    [
        ({"$ref": "#/$defs/E"}, ["x", "y"], ["zzz", "", '"x"']),
        ({"anyOf": [E, {"type": "null"}]}, ["x", "null"], ["zzz", "1"]),
        ({"anyOf": [{"$ref": "#/$defs/E"}, {"$ref": "#/$defs/N"}]}, ["y", "null", "true"], ["z", "tru"]),
        ({"type": "string", "pattern": "^[0-9]{4}$"}, ["1234"], ["zzz", "12345"]),
        ({"type": "string", "pattern": "b+|^a"}, ["abb", "ab", "xbx"], ["zzz", "xa"]),
        ({"type": "string", "pattern": r"^\d/[\w/]$"}, ["1/a", "1//"], ["１/a", "a/a"]),
        ({"type": "string", "format": "date"}, ["2026-02-28"], ["zzz", "2026-02-30"]),
        ({"type": "string", "format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]),
        ({"enum": ["x", 1]}, ["x", "1"], ["zzz", "2", '"x"']),
        ({"enum": ["1", 1, None]}, ["1", "null"], ["2", "nul"]),
        ({"allOf": [{"type": "string"}, {"enum": ["x"]}]}, ["x"], ["y", ""]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "a<b", "好好"], ["a", "abcd"]),
        ({"type": "string", "minLength": 2000}, ["a" * 2000], ["a" * 1999]),
        ({"enum": ["</arg_value>", "x"]}, ["x"], []),
        ({"anyOf": [FEW, {"enum": ["auto"]}]}, ["auto", "5", "-7"], ["999", "a"]),
        ({"anyOf": [STRING, FEW]}, ["5 apples", "4", "2026-01-01"], ["999"]),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, ["true", "truest", "a<b"], []),
        ({"type": ["string", "null"], "maxLength": 4}, ["null", "nul", ""], ["nulls"]),
        ({"oneOf": [{"enum": ["x", "y"]}, {"enum": ["y", "z"]}]}, ["x", "z"], ["y"]),
        ({"anyOf": [STRING, {"type": "array", "items": {"type": "null"}}]}, ["[null]", "a[1]"], ["[1]"]),
        ({"type": "array", "items": {"$ref": "#/properties/b"}}, ["[1]"], ['["a"]']),
        ({"type": "array", "items": {"$ref": "#"}}, ['[{"a": []}]', "[]"], ["[[[]]]"]),
        ({"type": "integer", "minimum": 3}, ["3"], ["2", "x", ""]),
        ({"type": "string"}, ["", "null", "12", "[", "NaN", "a\nb", "</arg_valu"], []),
        ({}, ["", "null", "12", "[", "NaN", '{"a": 1}', "1e999", "[" * 3000 + "]" * 3000], []),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_holds_its_schema(generates, schema, generated, not_generated) -> None:
    parameters = closed(schema)
    parameters["properties"]["b"] = {"type": "integer"}
    assert [value for value in generated if not generates(parameters, [("a", value)])] == []
    assert [value for value in not_generated if generates(parameters, [("a", value)])] == []


@pytest.mark.parametrize(
    ("parameters", "generated", "not_generated"),
    [
        (
            {"$ref": "#/$defs/A", "$defs": {"A": closed({"type": "integer"})}},
            [[("a", "1")]],
            [[("a", "zzz")], [("other", "1")], []],
        ),
        (
            {"allOf": [closed({"type": "integer"}), {"properties": {"a": {"minimum": 3}}}]},
            [[("a", "3")]],
            [[("a", "2")]],
        ),
        (
            TAGGED,
            [[("a", "text"), ("b", "one")], [("a", "count"), ("b", "1")]],
            [[("a", "count"), ("b", "one")], [("a", "text"), ("b", "1")]],
        ),
        (
            {"anyOf": [{**NULLS, "required": ["a"]}, closed({"type": "boolean"})]},
            [[("a", "null")], [("a", "true")]],
            [[], [("a", "1")]],
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            [[], [("k", "1"), ("l", "2")]],
            [[("k", "one")]],
        ),
        (
            {"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
            [[("a", "x"), ("k", "1")]],
            [[("k", "one")], [("a", "x"), ("a", "1")]],
        ),
        ({**NULLS, "minProperties": 1}, [[("a", "null")]], [[]]),
        ({**NULLS, "minProperties": 1.0}, [[("a", "null")]], [[]]),
        (
            {**NULLS, "maxProperties": 1},
            [[("a", "null")], []],
            [[("a", "null"), ("b", "null")]],
        ),
    ],
    ids=str,
)  # fmt: skip
def test_arguments_hold_the_schema_of_all(generates, parameters, generated, not_generated) -> None:
    assert [arguments for arguments in generated if not generates(parameters, arguments)] == []
    assert [arguments for arguments in not_generated if generates(parameters, arguments)] == []


UNHELD: list[tuple[Schema, tuple[str, ...], str]] = [
    (closed({"type": "string", "not": {"const": "x"}}), ("properties", "a", "not"), "x"),
    (closed({"type": "string", "pattern": "(?=x)y"}), ("properties", "a", "pattern"), "y"),
    (closed({"type": "string", "pattern": "(^a|b)"}), ("properties", "a", "pattern"), "b"),
    (closed({"type": "string"}, **{"if": {"required": ["b"]}}), ("if",), "x"),
    (closed({"type": "string"}, propertyNames={"maxLength": 3}), ("propertyNames",), "x"),
    ({"oneOf": [closed({"type": "string"}), closed({"type": "string"})]}, ("oneOf",), "x"),
]


@pytest.mark.parametrize(("parameters", "path", "value"), UNHELD, ids=str)
def test_strict_refuses_by_name_what_it_cannot_hold(generates, parameters, path, value) -> None:
    with pytest.raises(InvalidGrammar, match=rf"tools {path[-1]} is not held by strict") as caught:
        generates(parameters, [("a", value)])
    assert caught.value.path == ("f", *path)
    assert generates(parameters, [("a", value)], strict=False)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (closed({"$ref": "https://example.com/"}), "does not resolve"),
        (closed({"anyOf": [{"type": "string"}, {"$ref": "#/properties/a"}]}), "refers to its own schema"),
        (closed({"type": "string", "minLength": 3, "maxLength": 2}), "cannot be satisfied"),
        (closed(False), "cannot be satisfied"),
        (closed({"const": "a</arg_value>b"}), "cannot be satisfied"),
        ({"properties": {"a\x01": {}}}, "without <, > and control characters"),
    ],
    ids=str,
)
def test_what_no_call_can_hold_is_refused_without_strict_too(generates, parameters, reason) -> None:
    with pytest.raises(InvalidGrammar, match=reason):
        generates(parameters, [("a", "x")], strict=False)


def test_equal_parameters_and_descriptions_do_not_make_a_grammar_longer(vocabulary) -> None:
    items = {"enum": [[index] for index in range(1000)]}
    parameters = {
        "properties": {f"p{index}": {"$ref": "#/$defs/D"} for index in range(400)},
        "$defs": {"D": {"type": "array", "items": items, "title": "x" * 60_000}},
    }
    rules, _ = GlmCalls().call_rules((ToolDefinition("f", "", parameters),), vocabulary.is_regex)
    assert len(rules) < 100_000
