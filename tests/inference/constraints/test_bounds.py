"""`inference/constraints/bounds.py`."""

import re

import pytest

from inference.constraints.bounds import MAX_SCHEMA_DEPTH, check_bounds
from inference.errors import InvalidGrammar
from inference.types import JsonSchemaOutput, NamedTool, ToolDefinition

TOOL = ToolDefinition("weather", "The weather", {"type": "object"})


def nested(depth: int) -> dict[str, object]:
    schema: dict[str, object] = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"output_format": JsonSchemaOutput(nested(MAX_SCHEMA_DEPTH))},
        {"tools": (TOOL,), "tool_choice": "required"},
        {"tools": (TOOL,), "tool_choice": NamedTool("weather")},
    ],
)
def test_common_requests_are_accepted(make_request, fields) -> None:
    check_bounds(make_request("hello", **fields))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (
            {"output_format": JsonSchemaOutput(nested(MAX_SCHEMA_DEPTH + 1))},
            "response_format must not be nested",
        ),
        ({"output_format": JsonSchemaOutput(nested(100_000))}, "response_format must not be nested"),
        ({"output_format": JsonSchemaOutput({"const": "x" * 300_000})}, "response_format must not be longer"),
        ({"output_format": JsonSchemaOutput({"const": float("nan")})}, "response_format must be JSON"),
        ({"output_format": JsonSchemaOutput({"const": {1, 2}})}, "response_format must be JSON"),
        ({"tools": (ToolDefinition("a\n<b>"),)}, "tools must have names of"),
        ({"tools": (TOOL, TOOL)}, "tools must have different names"),
        (
            {"tools": tuple(ToolDefinition(f"f{index}") for index in range(129))},
            "tools must not be more than",
        ),
        ({"tools": (TOOL,), "tool_choice": NamedTool("other")}, "tool_choice must name one of the tools"),
        ({"tool_choice": "required"}, "tool_choice must not require"),
    ],
)
def test_requests_beyond_the_bounds_are_refused_with_the_field(make_request, fields, error) -> None:
    with pytest.raises(InvalidGrammar, match=re.escape(error)) as caught:
        check_bounds(make_request("hello", **fields))
    assert caught.value.field in {"response_format", "tools", "tool_choice"}


def test_tools_share_one_bound_of_size(make_request) -> None:
    tools = tuple(ToolDefinition(f"f{index}", "", {"const": "x" * 100_000}) for index in range(3))
    check_bounds(make_request("hello", tools=tools[:2]))
    with pytest.raises(InvalidGrammar, match="tools must not be longer"):
        check_bounds(make_request("hello", tools=tools))
