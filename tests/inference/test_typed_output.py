"""Whatever a model says under a schema is JSON of that schema: ten thousand random schemas and prompts."""

import json
import random
from dataclasses import replace
from decimal import Decimal

import pytest
import torch
from jsonschema import Draft202012Validator

from inference.config import EMBEDDED_MODEL, EngineConfig
from inference.constraints.phone_actions import parse_action
from inference.engine.engine import Engine
from inference.errors import InvalidGrammar, PromptTooLong
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.types import (
    ActionOutput,
    Delta,
    GenerationRequest,
    JsonSchemaOutput,
    Message,
    Text,
    ToolDefinition,
)
from testbed.random_schemas import Schema, random_schema

from .fake_model import CONTEXT_LENGTH, DigestDecoder, FakeModel

PARTS = 10  # tests, which run in parallel
SCHEMAS = 1000  # in each
GROUP = 100  # schemas, of which one is also answered alone
COMPILED_AT_ONCE = 10
MAX_TOKENS = 300


def run(engine: Engine, requests: list[GenerationRequest]) -> list[list[Delta | InvalidGrammar]]:
    events: list[list[Delta | InvalidGrammar]] = [[] for _ in requests]
    for key, request in enumerate(requests):
        engine.add(key, request)
    while engine.has_work:
        for key, event in engine.step():
            assert isinstance(event, Delta | InvalidGrammar), event
            events[key].append(event)
    return events


def check(schema: Schema, events: list[Delta | InvalidGrammar]) -> bool:
    """Whether the response is whole; if so, it is valid. A schema that nothing satisfies is refused.

    Numbers are compared as decimals: binary ones round a value of many digits to the bound beside it.
    """
    last = events[-1]
    if isinstance(last, InvalidGrammar):
        assert "cannot be satisfied" in last.reason, (schema, last.reason)
        return False
    text = "".join(event.text for event in events)
    if last.finish_reason == "length":
        return False
    assert last.finish_reason == "stop"
    exact = json.loads(json.dumps(schema), parse_float=Decimal)
    Draft202012Validator(exact).validate(json.loads(text, parse_float=Decimal))
    return True


def compile_grammars(engine: Engine, requests: list[GenerationRequest]) -> None:
    """The engine keeps them. Their requests have prompts that do not fit, so nothing is generated."""
    too_long = (Message("user", (Text("x" * CONTEXT_LENGTH),)),)
    for start in range(0, len(requests), COMPILED_AT_ONCE):
        for key, request in enumerate(requests[start:][:COMPILED_AT_ONCE]):
            engine.add(key, replace(request, messages=too_long))
        while engine.has_work:
            for _, event in engine.step():
                assert isinstance(event, PromptTooLong | InvalidGrammar), event


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_responses_are_valid_json_of_random_schemas(make_request, part: int) -> None:
    """Those of the first group begin as their grammars are compiled; all others begin together."""
    generator = random.Random(part)
    schemas: list[Schema] = []
    requests: list[GenerationRequest] = []
    alone: list[int] = []
    for start in range(0, SCHEMAS, GROUP):
        schemas += [random_schema(generator) for _ in range(GROUP)]
        requests += [
            make_request(
                "".join(generator.choices('ab {"}:,\n', k=8)),
                output_format=JsonSchemaOutput(schema),
                temperature=generator.choice((0.0, 1.0, 2.0)),
                seed=generator.getrandbits(64) - 2**63,
                max_tokens=MAX_TOKENS,
            )
            for schema in schemas[start:]
        ]
        alone.append(start + generator.randrange(GROUP))
    config = EngineConfig(
        block_size=16,
        kv_cache_tokens=SCHEMAS * CONTEXT_LENGTH,
        max_running_requests=SCHEMAS,
        grammar_cache_bytes=2**40,
    )
    engine = Engine(FakeModel(DigestDecoder()), torch.device("cpu"), config)
    compile_grammars(engine, requests[GROUP:])
    responses = run(engine, requests)
    assert sum(map(check, schemas, responses)) > 0.97 * SCHEMAS
    for index in alone:
        response = run(engine, [requests[index]])[0]
        assert text_of(response) == text_of(responses[index]), "alone as in a batch"


def text_of(events: list[Delta | InvalidGrammar]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


@pytest.fixture(scope="module")
def embedded() -> LoadedModel:
    return load_model(str(EMBEDDED_MODEL), "cpu", "int8", True)


def engine_of(model: LoadedModel) -> Engine:
    return Engine(model, torch.device("cpu"), EngineConfig(kv_cache_tokens=16_384))


PROMPTS = ["open the settings app", "what is on the screen?", "打开微信", "hello", "set an alarm for nine"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("enable_thinking", [False, True])
def test_the_embedded_model_writes_json_of_any_schema(
    embedded: LoadedModel, make_request, enable_thinking: bool
) -> None:
    generator = random.Random(enable_thinking)
    schemas = [random_schema(generator) for _ in range(24)]
    requests = [
        make_request(
            generator.choice(PROMPTS),
            output_format=JsonSchemaOutput(schema),
            enable_thinking=enable_thinking,
            temperature=generator.choice((0.0, 1.0)),
            seed=generator.getrandbits(32),
            max_tokens=MAX_TOKENS,
        )
        for schema in schemas
    ]
    responses = run(engine_of(embedded), requests)
    assert sum(map(check, schemas, responses)) > 18


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_embedded_model_writes_actions(embedded: LoadedModel, make_request) -> None:
    requests = [
        make_request(prompt, output_format=ActionOutput(), enable_thinking=bool(index % 2), max_tokens=120)
        for index, prompt in enumerate(PROMPTS * 2)
    ]
    actions = [parse_action(text_of(events)) for events in run(engine_of(embedded), requests)]
    assert actions[0] == {"_metadata": "do", "action": "Launch", "app": "Settings"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_embedded_model_calls_a_tool_with_valid_arguments(embedded: LoadedModel, make_request) -> None:
    parameters = {
        "type": "object",
        "properties": {"app": {"enum": ["Settings", "Maps"]}, "times": {"type": "integer", "maximum": 9}},
        "required": ["app", "times"],
    }
    tools = (ToolDefinition("open_app", "Opens an app", parameters),)
    requests = [
        make_request(prompt, tools=tools, tool_choice="required", parallel_tool_calls=False, max_tokens=120)
        for prompt in PROMPTS
    ]
    for events in run(engine_of(embedded), requests):
        assert events[-1].finish_reason == "tool_calls"
        pieces = [piece for event in events for piece in event.tool_calls]
        assert [piece.name for piece in pieces if piece.name] == ["open_app"]
        arguments = json.loads("".join(piece.arguments for piece in pieces))
        Draft202012Validator(parameters).validate(arguments)
