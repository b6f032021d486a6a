"""Whatever a model calls has arguments of the tool's schema: random parameters, in GLM's format."""

import json
import random
from decimal import Decimal

import pytest
import torch
from jsonschema import Draft202012Validator

from inference.config import EngineConfig
from inference.constraints.grammar_vocabulary import ENDLESS
from inference.engine.engine import Engine
from inference.errors import InvalidGrammar
from inference.types import Delta, ToolDefinition
from testbed.random_tools import random_parameters

from .fake_model import DigestDecoder, FakeModel

PARTS = 10  # tests, which run in parallel
TOOLS = 100  # in each


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_arguments_of_random_tools_are_valid(make_request, part: int) -> None:
    generator = random.Random(part)
    config = EngineConfig(block_size=16, kv_cache_tokens=65_536, max_running_requests=TOOLS)
    engine = Engine(FakeModel(DigestDecoder()), torch.device("cpu"), config)
    tools = [ToolDefinition("f", "", random_parameters(generator), strict=True) for _ in range(TOOLS)]
    calls: list[str] = [""] * TOOLS
    ends: list[object] = [None] * TOOLS
    for key, tool in enumerate(tools):
        engine.add(
            key,
            make_request(
                "".join(generator.choices("ab", k=8)),
                tools=(tool,),
                tool_choice="required",
                parallel_tool_calls=False,
                temperature=generator.choice((0.0, 1.0, 2.0)),
                seed=key,
                max_tokens=400,
                fairness_key=f"user {key}",
            ),
        )
    while engine.has_work:
        for key, event in engine.step():
            assert isinstance(event, Delta | InvalidGrammar), event
            if isinstance(event, InvalidGrammar):
                ends[key] = "exceeded" if event.reason == ENDLESS else "refused"
                is_known = ends[key] == "exceeded" or "cannot be satisfied" in event.reason
                assert is_known, (tools[key].parameters, event.reason)
                continue
            calls[key] += "".join(piece.arguments for piece in event.tool_calls)
            ends[key] = event.finish_reason or ends[key]
    for tool, arguments, end in zip(tools, calls, ends, strict=True):
        if end == "tool_calls":
            exact = json.loads(json.dumps(tool.parameters), parse_float=Decimal)
            read = json.loads(arguments, parse_float=Decimal, parse_constant=pytest.fail)
            Draft202012Validator(exact).validate(read)
    assert ends.count("exceeded") <= 1  # the compiler's limits, which texts of unions may reach
    assert ends.count("tool_calls") > 0.8 * TOOLS
