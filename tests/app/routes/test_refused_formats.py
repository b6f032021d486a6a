"""Formats and tools that the included model's engine cannot compile: 400 with the reason and the path."""

from typing import Any

import pytest

from ..conftest import StartGateway
from .test_openai import COMPLETIONS, body

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WRONG = {"type": "object", "properties": {"city": {"type": "text"}}, "required": ["city"]}
TYPE = "has a type that JSON Schema does not have."
RIGHT: dict[str, Any] = {"type": "function", "function": {"name": "first", "parameters": {}}}
TOOLS = [RIGHT, {"type": "function", "function": {"name": "second", "parameters": WRONG}}]
SECOND: dict[str, Any] = {"type": "function", "function": {"name": "second"}}
DEEP: dict[str, Any] = {"type": "text"}
for _ in range(20):
    DEEP = {"type": "array", "items": DEEP}

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": WRONG}}},
        "response_format.json_schema.schema.properties.city.type",
        TYPE,
    ),
    ({"guided_json": WRONG}, "guided_json.properties.city.type", TYPE),
    ({"structured_outputs": {"json": WRONG}}, "structured_outputs.json.properties.city.type", TYPE),
    ({"tools": TOOLS}, "tools.1.function.parameters.properties.city.type", TYPE),
    (
        {"tools": TOOLS, "tool_choice": SECOND},
        "tools.1.function.parameters.properties.city.type",
        TYPE,
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"<": {}}}}}]},
        "tools.0.function.parameters",
        "must have parameters without <, > and control characters in their names.",
    ),
    ({"guided_json": {"properties": {"\x1b[2J": {"type": "text"}}}}, "guided_json.properties.?.type", TYPE),
    ({"guided_json": DEEP}, f"guided_json.{'items.' * 4}….{'items.' * 7}type", TYPE),
    ({"guided_json": {"type": "integer", "minimum": 10**30}}, "guided_json.type", "cannot be compiled."),
    ({"guided_json": {"not": {}}}, "guided_json", 'uses keywords that are not supported: ["not"].'),
    (
        {"guided_json": {"type": "integer", "multipleOf": 1234567}},
        "guided_json",
        "is too complex: compiling it takes too much time or memory.",
    ),
]


async def test_reason_and_path_of_what_cannot_be_compiled(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        backend="in_process", devices=("cpu",), limits={"requests_per_minute": 1000}, model_name="tiny"
    )
    for fields, param, reason in REFUSED:
        response = await gateway.call("POST", COMPLETIONS, json=body("hi") | {"model": "tiny"} | fields)
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (400, "invalid_output_format"), fields
        assert (error["param"], error["message"]) == (param, f"{param} {reason}")
    biased = body("hi", model="tiny", logit_bias={"0": 1, "99999999": 1})
    response = await gateway.call("POST", COMPLETIONS, json=biased)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", "logit_bias")
    assert error["message"] == "logit_bias must name tokens that the model has."
    for fields, param in (
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": WRONG}}}, "text.format.schema"),
        ({"tools": [{"type": "function", "name": "f", "parameters": WRONG}]}, "tools.0.parameters"),
    ):
        request = {"model": "tiny", "input": "hi", **fields}
        error = (await gateway.call("POST", "/v1/responses", json=request)).json()["error"]
        assert error["param"] == f"{param}.properties.city.type"
