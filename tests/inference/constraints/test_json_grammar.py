"""JSON schemas as rules of a grammar."""

import pytest

from inference.constraints.grammar_vocabulary import GrammarVocabulary
from inference.constraints.json_grammar import json_rule

VOCABULARY = GrammarVocabulary([bytes([byte]) for byte in range(256)] + [b""], [], [256])
EMAIL = {"type": "string", "format": "email"}


def accepts(schema: dict[str, object], text: str, *, is_lenient: bool = False) -> bool:
    grammar = f"start: answer\nanswer: {json_rule(schema, is_lenient=is_lenient)}"
    assert VOCABULARY.try_grammar(grammar) is None
    constraint = VOCABULARY.compile(grammar)
    return constraint.accepts_text(text) and constraint.is_complete


@pytest.mark.parametrize(
    "text",
    ['{"a":1}', '{"a": 1}', '{ "a" : 1 }', '{\n  "a": 1\n}', '{\n\t"a": 1\n}'],
)
def test_white_space_is_that_of_people(text: str) -> None:
    assert accepts({"type": "object", "additionalProperties": {"type": "integer", "maximum": 1}}, text)


@pytest.mark.parametrize("text", ['{"a":  1}', '{\n\n"a": 1}', ' {"a": 1}', '{"a": 1} '])
def test_a_response_cannot_consist_of_white_space(text: str) -> None:
    assert not accepts({"type": "object", "additionalProperties": {"type": "integer", "maximum": 1}}, text)


@pytest.mark.parametrize("format_", ["int64", "password", "uri-reference"])
def test_unknown_formats_are_ignored_at_any_depth(format_: str) -> None:
    unknown = {"type": "string", "format": format_}
    assert accepts(unknown, '"a"')
    nested = {"type": "array", "prefixItems": [{"anyOf": [unknown]}], "items": False, "minItems": 1}
    assert accepts(nested, '["a"]')


def test_known_formats_hold() -> None:
    assert accepts(EMAIL, '"ann@example.com"')
    assert not accepts(EMAIL, '"ann"')


def test_what_only_looks_like_a_format_stays() -> None:
    named = {"type": "object", "properties": {"format": EMAIL}, "required": ["format"]}
    assert accepts(named, '{"format": "ann@example.com"}')
    assert not accepts(named, '{"format": "ann"}')
    assert accepts({"const": {"format": "int64"}}, '{"format": "int64"}')


@pytest.mark.parametrize(
    ("bounds", "excluded", "included"),
    [
        ({"minimum": -2.5, "exclusiveMaximum": -2.0}, "-2", "-2.01"),
        ({"exclusiveMinimum": -7.5, "exclusiveMaximum": -7}, "-7", "-7.499"),
        ({"exclusiveMinimum": 0, "maximum": 0.5}, "0", "0.001"),
        ({"exclusiveMinimum": 2, "exclusiveMaximum": 2.5}, "2", "2.0001"),
        ({"exclusiveMinimum": 2, "maximum": 3}, "2", "3"),
        ({"minimum": 2, "exclusiveMaximum": 3}, "3", "2"),
    ],
)
def test_a_bound_excludes_the_integer_that_it_is(
    bounds: dict[str, object], excluded: str, included: str
) -> None:
    for types in ({"type": "number"}, {"type": ["number", "null"]}, {}):
        schema = {"type": "array", "items": types | bounds, "minItems": 1}
        assert not accepts(schema, f"[{excluded}]")
        assert not accepts(schema, f"[{excluded}.0]")
        assert accepts(schema, f"[{included}]")


def test_unknown_keywords_are_ignored_on_request() -> None:
    assert accepts({"type": "boolean", "not": {"const": 1}}, "true", is_lenient=True)


def test_a_schema_cannot_change_the_compilers_options() -> None:
    schema = {"type": "array", "items": {"const": 1}, "x-guidance": {"whitespace_pattern": "x*"}}
    assert accepts(schema, "[1, 1]")
    assert not accepts(schema, "[1,xx1]")
