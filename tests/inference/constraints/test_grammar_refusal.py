"""Every refusal says what is wrong and where, in our own words."""

from collections.abc import Iterator
from typing import Any

import pytest

from inference.constraints.glm_calls import GlmCalls
from inference.constraints.grammar_cache import Refused
from inference.constraints.grammar_check import GrammarCheck
from inference.constraints.grammar_refusal import EXHAUSTED, TOO_COMPLEX, explain, refusal_of
from inference.constraints.hermes_calls import HermesCalls
from inference.constraints.json_grammar import json_rule
from inference.constraints.request_grammar import GrammarOrder
from inference.types import JsonSchemaOutput, ToolDefinition

TOKENS = [bytes([byte]) for byte in range(256)] + [b""]
TYPES = "has a type that JSON Schema does not have"
NOTHING = "cannot be satisfied by any value"
PATTERN = ("properties", "a", "pattern")


@pytest.fixture(scope="module")
def check() -> Iterator[GrammarCheck]:
    check = GrammarCheck(TOKENS, [], [256], GlmCalls())
    yield check
    check.close()


def grammar_of(schema: dict[str, Any]) -> str:
    return f"start: answer\nanswer: {json_rule(schema)}"


def refusal_by(check: GrammarCheck, schema: dict[str, Any]) -> Refused:
    order = GrammarOrder("response_format", "answer", output_format=JsonSchemaOutput(schema))
    refused = check.check(order.to_text(), order.field)
    assert isinstance(refused, Refused)
    return refused


def within(schema: dict[str, Any]) -> dict[str, Any]:
    """As the property "a" of an object that is right otherwise."""
    return {"type": "object", "properties": {"b": {"type": "string"}, "a": schema}, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "path", "reason"),
    [
        ({"type": "objekt"}, ("type",), TYPES),
        ({"type": 5}, ("type",), TYPES),
        ({"type": ["string", "text"]}, ("type",), TYPES),
        (within({"type": "text"}), ("properties", "a", "type"), TYPES),
        (
            within({"type": "array", "items": {"anyOf": [{"type": "null"}, {"type": "text"}]}}),
            ("properties", "a", "items", "anyOf", "1", "type"),
            TYPES,
        ),
        ({"properties": {"a/b.c": {"type": "text"}}}, ("properties", "a/b.c", "type"), TYPES),
        (
            {**within({"$ref": "#/$defs/T"}), "$defs": {"U": {}, "T": {"type": "text"}}},
            ("$defs", "T", "type"),
            TYPES,
        ),
        (within({"minimum": "1"}), ("properties", "a", "minimum"), "must be a number"),
        (within({"minLength": -1}), ("properties", "a", "minLength"), "must be a whole number of 0 or more"),
        (within({"format": 5}), ("properties", "a", "format"), "must be a string"),
        (within({"enum": "x"}), ("properties", "a", "enum"), "must be an array"),
        ({"enum": []}, ("enum",), f"{NOTHING}: it is empty"),
        (within({"properties": []}), ("properties", "a", "properties"), "must be an object"),
        (within({"required": [1]}), ("properties", "a", "required"), "must be an array of strings"),
        (within({"multipleOf": 0}), ("properties", "a", "multipleOf"), "must be greater than 0"),
        ({"properties": {"a": 5}}, ("properties", "a"), "must be a schema"),
        ({"anyOf": [{}, None]}, ("anyOf", "1"), "must be a schema"),
        ({"additionalProperties": "x"}, ("additionalProperties",), "must be a schema"),
        (within({"not": {}}), ("properties", "a"), 'keywords that are not supported: ["not"]'),
        (within({"if": {}, "then": {}}), ("properties", "a"), '["if", "then"]'),
        (within({"$ref": "#/$defs/x"}), ("properties", "a", "$ref"), "has a $ref that does not resolve"),
        (within({"$ref": "https://a.b/x"}), ("properties", "a", "$ref"), "has a $ref that does not resolve"),
        (within({"oneOf": [{"type": "object"}] * 2}), ("properties", "a"), "write anyOf"),
        ({"patternProperties": {"^a": {}, "^ab": {"type": "null"}}}, (), "of which two may match"),
        (within({"pattern": "(?=x)"}), PATTERN, "has a pattern with look-around"),
        (within({"pattern": r"\bx"}), PATTERN, "has a pattern with look-around or \\b"),
        (within({"pattern": r"(x)\1"}), PATTERN, "has a pattern with backreferences"),
        (within({"pattern": "[x"}), PATTERN, "has a pattern that is not a regular expression"),
        (
            {"type": "array", "minItems": 3, "maxItems": 1},
            (),
            f"{NOTHING}: minItems (3) is greater than maxItems (1)",
        ),
        ({"type": "string", "const": 1}, (), f"{NOTHING}: incompatible types"),
        (
            within({"type": "string", "const": 1}) | {"required": ["a"]},
            (),
            f"{NOTHING}: required property 'a' is unsatisfiable",
        ),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, ("$defs", "a"), NOTHING),
    ],
)  # fmt: skip
def test_the_reason_and_the_place(
    check: GrammarCheck, schema: dict[str, Any], path: tuple[str, ...], reason: str
) -> None:
    refusal = refusal_by(check, schema)
    assert reason in refusal.reason
    assert refusal.path == path


@pytest.mark.parametrize("tool_format", [GlmCalls(), HermesCalls()])
def test_the_place_in_a_tool(tool_format: GlmCalls | HermesCalls) -> None:
    tools = (ToolDefinition("first", "", {}), ToolDefinition("second", "", within({"type": "text"})))
    check = GrammarCheck(TOKENS, [], [256], tool_format)
    refusal = check.check(GrammarOrder("tools", "calls", tools).to_text(), "tools")
    check.close()
    assert isinstance(refusal, Refused)
    assert TYPES in refusal.reason
    assert refusal.path == ("second", "properties", "a", "type")


def test_a_place_that_is_not_found_in_time_does_not_hide_the_reason(check: GrammarCheck) -> None:
    """Definitions are tried first, though nothing refers to these. The process is ended meanwhile, or not."""
    slow = {f"p{index}": {"type": "integer", "multipleOf": 1000 + index} for index in range(1000)}
    schema = {"$defs": {"slow": {"properties": slow}}, **within({"type": "text"})}
    refusal = refusal_by(check, schema)
    assert TYPES in refusal.reason
    assert refusal.path in (None, (), ("properties", "a", "type"))


def test_a_search_that_times_out_keeps_what_it_found() -> None:
    tried: list[dict[str, Any]] = []

    def try_schema(schema: Any) -> str | None:
        tried.append(schema)
        if len(tried) == 5:
            raise TimeoutError
        return "Invalid type: text" if "text" in str(schema) else None

    schema = within(within({"type": "text"}))
    refusal = explain("at 2(9): failed to compile JSON schema: Invalid type", grammar_of(schema), try_schema)
    assert refusal.path == ("properties", "a")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            'at 1(8): failed to compile JSON schema: Unimplemented keys: ["uniqueItems"]\n   1 | ...',
            "uniqueItems",
        ),
        ("Unsatisfiable schema: required property 'a' is unsatisfiable", "cannot be satisfied"),
        ("schema too large", TOO_COMPLEX),
        ("ParserTooComplex\n<non-verbose/>", TOO_COMPLEX),
        ("something with a /path and text of the schema", "cannot be compiled"),
        ("at 1(8): a new kind of error at 0x7f00\n   1 | start: look-around", "cannot be compiled"),
    ],
)
def test_reasons_are_our_own_words(message: str, reason: str) -> None:
    assert reason in refusal_of(message).reason
    assert not {"/path", "0x7f00", "look-around"} & set(refusal_of(message).reason.split())


def test_what_is_quoted_is_short_and_printable() -> None:
    name = "\x1b[31m" + "x" * 1000
    reason = refusal_of(f"Unsatisfiable schema: required property '{name}' is unsatisfiable").reason
    assert "\x1b" not in reason
    assert len(reason) < 300


def test_what_exhausts_the_child_is_too_complex() -> None:
    assert EXHAUSTED.reason == TOO_COMPLEX
