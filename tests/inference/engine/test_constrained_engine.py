"""Responses that a grammar constrains, through the engine: formats, tools, thoughts, batches, refusals."""

import json
from itertools import pairwise

import pytest

from inference.constraints.phone_actions import parse_action
from inference.errors import InvalidGrammar, InvalidParameter
from inference.types import (
    ActionOutput,
    Delta,
    JsonObjectOutput,
    JsonSchemaOutput,
    NamedTool,
    ToolDefinition,
    Usage,
)

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "colours": {"type": "array", "items": {"enum": ["red", "green"]}, "maxItems": 3},
    },
    "required": ["name", "age", "colours"],
    "additionalProperties": False,
}
FORMAT = JsonSchemaOutput(SCHEMA)
WEATHER = ToolDefinition(
    "weather",
    "The weather",
    {
        "type": "object",
        "properties": {
            "city": {"enum": ["Oslo", "Rome"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "required": ["city", "days"],
    },
)
CLOCK = ToolDefinition(
    "clock", "The time", {"type": "object", "properties": {}, "additionalProperties": False}
)
TOOLS = (WEATHER, CLOCK)
GREEDY_AND_RANDOM = [{"temperature": 0.0}, {"temperature": 1.0, "seed": 1}, {"temperature": 2.0, "seed": -7}]


def text_of(events: list[Delta]) -> str:
    return "".join(delta.text for delta in events)


def calls_of(events: list[Delta]) -> list[tuple[str, object]]:
    calls: dict[int, list[str]] = {}
    for piece in (piece for delta in events for piece in delta.tool_calls):
        if piece.name:
            assert piece.id
            assert piece.index == len(calls)
            calls[piece.index] = [piece.name, ""]
        calls[piece.index][1] += piece.arguments
    return [(name, json.loads(arguments)) for name, arguments in calls.values()]


def is_person(value: object) -> bool:
    return (
        isinstance(value, dict)
        and list(value) == ["name", "age", "colours"]
        and len(value["name"]) <= 8
        and 0 <= value["age"] <= 130
        and set(value["colours"]) <= {"red", "green"}
    )


@pytest.mark.parametrize("sampling", GREEDY_AND_RANDOM)
def test_a_response_is_json_of_the_schema(make_engine, make_model, make_request, run_all, sampling) -> None:
    request = make_request(output_format=FORMAT, max_tokens=300, **sampling)
    events = run_all(make_engine(make_model("digest")), [request])[0]
    assert events[-1].finish_reason == "stop"
    assert is_person(json.loads(text_of(events)))


def test_a_json_object_may_be_any(make_engine, make_model, make_request, run_all) -> None:
    requests = [
        make_request(str(seed), output_format=JsonObjectOutput(), temperature=1.0, seed=seed, max_tokens=300)
        for seed in range(8)
    ]
    responses = run_all(make_engine(make_model("digest")), requests)
    whole = [events for events in responses.values() if events[-1].finish_reason == "stop"]
    assert whole
    assert all(isinstance(json.loads(text_of(events)), dict) for events in whole)


def test_an_action_is_one_that_the_parser_reads(make_engine, make_model, make_request, run_all) -> None:
    requests = [
        make_request(str(seed), output_format=ActionOutput(), temperature=1.0, seed=seed, max_tokens=400)
        for seed in range(12)
    ]
    responses = run_all(make_engine(make_model("digest")), requests)
    whole = [text_of(events) for events in responses.values() if events[-1].finish_reason == "stop"]
    assert len({str(parse_action(text)["_metadata"]) for text in whole}) >= 1
    assert len(whole) > 2


def test_a_response_that_is_cut_off_is_the_beginning_of_the_whole_one(
    make_engine, make_model, make_request, run_all
) -> None:
    whole = run_all(make_engine(make_model("digest")), [make_request(output_format=FORMAT, max_tokens=300)])[
        0
    ]
    tokens = whole[-1].usage.completion_tokens
    for max_tokens in (1, 2, tokens // 2, tokens - 1):
        request = make_request(output_format=FORMAT, max_tokens=max_tokens)
        events = run_all(make_engine(make_model("digest")), [request])[0]
        assert events[-1].finish_reason == "length"
        assert events[-1].usage.completion_tokens == max_tokens
        assert text_of(whole).startswith(text_of(events))


def test_a_stop_string_ends_a_constrained_response(make_engine, make_model, make_request, run_all) -> None:
    request = make_request(output_format=FORMAT, stop=('"age"',), max_tokens=300)
    events = run_all(make_engine(make_model("digest")), [request])[0]
    assert events[-1].finish_reason == "stop"
    assert '"name"' in text_of(events)
    assert '"age"' not in text_of(events)


def test_forced_tokens_cost_no_step(make_engine, make_model, make_request, run_all) -> None:
    model = make_model("digest")
    schema = {"const": "a text of which every character is forced"}
    events = run_all(make_engine(model), [make_request(output_format=JsonSchemaOutput(schema))])[0]
    assert json.loads(text_of(events)) == schema["const"]
    assert events[-1].usage.completion_tokens > 40
    assert model.decoder.steps < 5


@pytest.mark.parametrize("logprobs", [None, 0, 3])
def test_forced_tokens_change_no_response(make_engine, make_model, make_request, run_all, logprobs) -> None:
    """With log probabilities every token is drawn."""
    request = make_request(output_format=FORMAT, temperature=1.0, seed=3, max_tokens=300)
    drawn = make_request(output_format=FORMAT, temperature=1.0, seed=3, max_tokens=300, logprobs=logprobs)
    responses = [run_all(make_engine(make_model("digest")), [each])[0] for each in (request, drawn)]
    assert is_person(json.loads(text_of(responses[0])))
    assert is_person(json.loads(text_of(responses[1])))


def test_a_batch_of_constrained_and_free_requests_is_the_same_as_each_alone(
    make_engine, make_model, make_request, run_all
) -> None:
    requests = []
    for seed in range(12):
        fields = [{}, {"output_format": FORMAT}, {"tools": TOOLS, "tool_choice": "required"}][seed % 3]
        requests.append(make_request(f"{seed}", temperature=1.0, seed=seed, max_tokens=60, **fields))
    together = run_all(make_engine(make_model("digest"), max_running_requests=12), requests)
    for number, request in enumerate(requests):
        alone = run_all(make_engine(make_model("digest")), [request])[0]
        assert text_of(together[number]) == text_of(alone)
        assert together[number][-1].finish_reason == alone[-1].finish_reason
        assert together[number][-1].usage == alone[-1].usage


def test_preemption_changes_no_constrained_response(make_engine, make_model, make_request, run_all) -> None:
    requests = [
        make_request(f"{seed}" * 20, output_format=FORMAT, temperature=1.0, seed=seed, max_tokens=100)
        for seed in range(6)
    ]
    roomy = run_all(make_engine(make_model("digest")), requests)
    model = make_model("digest")
    tight = run_all(make_engine(model, kv_cache_tokens=160), requests)
    assert {key: text_of(events) for key, events in tight.items()} == {
        key: text_of(events) for key, events in roomy.items()
    }


def test_penalties_and_biases_apply_within_the_grammar(
    make_engine, make_model, make_request, run_all
) -> None:
    request = make_request(
        output_format=FORMAT,
        frequency_penalty=1.0,
        presence_penalty=1.0,
        logit_bias=((ord("7"), 100.0),),
        max_tokens=300,
    )
    events = run_all(make_engine(make_model("digest")), [request])[0]
    person = json.loads(text_of(events))
    assert is_person(person)
    assert str(person["age"])[0] == "7"


def test_a_thought_is_free_and_the_answer_is_constrained(
    make_engine, make_model, make_request, run_all
) -> None:
    """The echo repeats the prompt's text from its second character on: a thought may be anything."""
    request = make_request(
        '-not {"json"', enable_thinking=True, output_format=JsonSchemaOutput({"const": 12}), max_tokens=60
    )
    events = run_all(make_engine(make_model("echo")), [request])[0]
    assert "".join(delta.reasoning for delta in events) == 'not {"json"'
    assert text_of(events) == "12"
    assert events[-1].finish_reason == "stop"


def test_a_thought_that_ends_the_response_is_followed_by_the_answer(
    make_engine, make_model, make_request, run_all
) -> None:
    request = make_request(
        "", enable_thinking=True, output_format=JsonSchemaOutput({"const": 12}), max_tokens=60
    )
    events = run_all(make_engine(make_model("echo")), [request])[0]
    assert text_of(events) == "12"


@pytest.mark.parametrize("sampling", GREEDY_AND_RANDOM)
def test_a_required_tool_is_called(make_engine, make_model, make_request, run_all, sampling) -> None:
    request = make_request(
        tools=TOOLS, tool_choice="required", parallel_tool_calls=False, max_tokens=300, **sampling
    )
    events = run_all(make_engine(make_model("digest")), [request])[0]
    assert events[-1].finish_reason == "tool_calls"
    assert text_of(events) == ""
    ((name, arguments),) = calls_of(events)
    if name == "clock":
        assert arguments == {}
    else:
        assert arguments["city"] in ("Oslo", "Rome")
        assert 1 <= arguments["days"] <= 9


def test_the_named_tool_is_called_once(make_engine, make_model, make_request, run_all) -> None:
    request = make_request(tools=TOOLS, tool_choice=NamedTool("weather"), max_tokens=300)
    events = run_all(make_engine(make_model("digest")), [request])[0]
    assert [name for name, _ in calls_of(events)] == ["weather"]


def test_several_tools_may_be_called(make_engine, make_model, make_request, run_all) -> None:
    requests = [
        make_request(
            f"{seed}", tools=(CLOCK,), tool_choice="required", temperature=3.0, seed=seed, max_tokens=300
        )
        for seed in range(6)
    ]
    responses = run_all(make_engine(make_model("digest")), requests)
    numbers = [
        len(calls_of(events)) for events in responses.values() if events[-1].finish_reason == "tool_calls"
    ]
    assert max(numbers) > 1


WRITTEN = "the weather: <tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>"


def test_a_model_may_call_a_tool_within_its_text(make_engine, make_model, make_request, run_all) -> None:
    """The echo begins a call. Its argument is not one of the tool's, and the grammar corrects it."""
    text = "let us see <tool_call>clock\n</tool_call>"
    request = make_request(text, tools=TOOLS, max_tokens=100)
    events = run_all(make_engine(make_model("echo")), [request])[0]
    assert text_of(events) == "let us see"
    assert calls_of(events) == [("clock", {})]
    assert events[-1].finish_reason == "tool_calls"


def test_a_call_within_text_is_well_formed_whatever_the_model_wants(
    make_engine, make_model, make_request, run_all
) -> None:
    request = make_request("<tool_call>nonsense", tools=(CLOCK,), parallel_tool_calls=False, max_tokens=100)
    events = run_all(make_engine(make_model("echo")), [request])[0]
    assert calls_of(events) == [("clock", {})]


def test_without_a_choice_a_model_may_write_free_text(make_engine, make_model, make_request, run_all) -> None:
    request = make_request("no <tool> is needed", tools=TOOLS, max_tokens=100)
    events = run_all(make_engine(make_model("echo")), [request])[0]
    assert text_of(events) == "no <tool> is needed"
    assert events[-1].finish_reason == "stop"


def test_tools_that_must_not_be_called_are_text(make_engine, make_model, make_request, run_all) -> None:
    request = make_request("<tool_call>clock", tools=TOOLS, tool_choice="none", max_tokens=100)
    events = run_all(make_engine(make_model("echo")), [request])[0]
    assert text_of(events) == "<tool_call>clock"
    assert not calls_of(events)


def test_a_response_with_tools_and_a_format_is_one_or_the_other(
    make_engine, make_model, make_request, run_all
) -> None:
    for text, expected in (("12", "12"), ("<tool_call>clock\n</tool_call>", "")):
        request = make_request(text, tools=(CLOCK,), output_format=JsonSchemaOutput({"type": "integer"}))
        events = run_all(make_engine(make_model("echo")), [request])[0]
        assert text_of(events) == expected
        assert bool(calls_of(events)) is (expected == "")


REFUSED = [
    (
        {"output_format": JsonSchemaOutput({"type": "array", "uniqueItems": True})},
        "response_format",
        "uniqueItems",
    ),
    (
        {"output_format": JsonSchemaOutput({"type": "integer", "multipleOf": 1234567})},
        "response_format",
        "complex",
    ),
    ({"output_format": JsonSchemaOutput({"const": "x" * 300_000})}, "response_format", "longer"),
    ({"output_format": JsonSchemaOutput({"$ref": "#/$defs/none"})}, "response_format", "$ref"),
    (
        {"output_format": JsonSchemaOutput({"type": "string", "pattern": "(?=a)b"})},
        "response_format",
        "pattern",
    ),
    ({"tools": (WEATHER, WEATHER)}, "tools", "different names"),
    ({"tools": TOOLS, "tool_choice": NamedTool("other")}, "tool_choice", "one of the tools"),
    ({"logit_bias": ((1_000_000, 1.0),)}, "logit_bias", "tokens that the model has"),
]


@pytest.mark.parametrize(
    ("fields", "field", "reason"), REFUSED, ids=[str(index) for index in range(len(REFUSED))]
)
def test_what_cannot_be_compiled_is_refused_before_the_response_begins(
    make_engine, make_model, make_request, run_all, fields, field, reason
) -> None:
    (error,) = run_all(make_engine(make_model("digest")), [make_request(**fields)], max_steps=100_000)[0]
    assert isinstance(error, InvalidParameter if field == "logit_bias" else InvalidGrammar)
    assert error.field == field
    assert reason in error.reason


def test_a_grammar_that_is_being_compiled_delays_nobody(make_engine, make_model, make_request) -> None:
    engine = make_engine(make_model("echo"))
    engine.add(0, make_request(output_format=JsonSchemaOutput({"type": "integer", "multipleOf": 7654321})))
    engine.add(1, make_request("hello"))
    ended = []
    for _ in range(100):
        ended += [key for key, event in engine.step() if getattr(event, "finish_reason", None)]
        if ended:
            break
    assert ended == [1]
    engine.abort(0)
    assert engine.step()[0] == (0, Delta(finish_reason="aborted", usage=Usage(0, 0)))
    assert not engine.has_work


def test_a_deadline_ends_a_request_whose_grammar_is_being_compiled(
    make_engine, make_model, make_request
) -> None:
    now = [0.0]
    engine = make_engine(make_model("echo"), clock=lambda: now[0])
    schema = {"type": "integer", "multipleOf": 7654321}
    engine.add(0, make_request(output_format=JsonSchemaOutput(schema), deadline=1.0))
    assert engine.step() == []
    now[0] = 2.0
    assert [event.finish_reason for _, event in engine.step()] == ["deadline"]
    assert not engine.has_work


def test_log_probabilities_are_those_of_the_text(make_engine, make_model, make_request, run_all) -> None:
    request = make_request("hello", logprobs=2)
    events = run_all(make_engine(make_model("echo")), [request])[0]
    tokens = [token for delta in events for token in delta.logprobs]
    assert "".join(token.token for token in tokens) == "hello"
    assert all(token.top[0].token == token.token for token in tokens)
    assert all(token.logprob > -1e-3 and token.top[1].logprob < -10 for token in tokens)


def test_tokens_that_a_stop_string_cuts_away_have_no_log_probabilities(
    make_engine, make_model, make_request, run_all
) -> None:
    request = make_request("hello", logprobs=0, stop=("ll",))
    events = run_all(make_engine(make_model("echo")), [request])[0]
    assert [token.token for delta in events for token in delta.logprobs] == ["h", "e"]


def test_tokens_of_a_call_have_no_log_probabilities(make_engine, make_model, make_request, run_all) -> None:
    tools = (ToolDefinition("f"),)
    for max_tokens in (3, 20):
        request = make_request("x", tools=tools, tool_choice="required", logprobs=0, max_tokens=max_tokens)
        events = run_all(make_engine(make_model("digest")), [request])[0]
        assert not any(delta.text or delta.logprobs for delta in events)


def test_log_probabilities_are_raw(make_engine, make_model, make_request, run_all) -> None:
    """Penalties, biases, the temperature and the grammar change what is drawn, not what is reported."""
    plain = make_request("x", logprobs=0, max_tokens=1)
    changed = make_request(
        "x",
        logprobs=0,
        max_tokens=1,
        logit_bias=((65, 50.0),),
        frequency_penalty=2.0,
        temperature=1.5,
        seed=1,
    )
    top = make_request("x", logprobs=20, max_tokens=1)
    engine = make_engine(make_model("digest"))
    (first, second, both) = (
        [token for delta in events for token in delta.logprobs]
        for events in run_all(engine, [plain, changed, top]).values()
    )
    assert first[0].top == ()
    assert second[0].token_bytes == b"A"
    assert second[0].logprob < first[0].logprob
    assert both[0].top[0].logprob == pytest.approx(first[0].logprob)
    assert all(one.logprob >= other.logprob for one, other in pairwise(both[0].top))


def test_a_presence_penalty_counts_a_token_once(make_engine, make_model, make_request, run_all) -> None:
    forever = make_request("x", logit_bias=((65, 100.0), (66, 90.0)), max_tokens=6)
    penalised = make_request("x", logit_bias=((65, 100.0), (66, 90.0)), presence_penalty=20.0, max_tokens=6)
    engine = make_engine(make_model("digest"))
    responses = run_all(engine, [forever, penalised])
    assert text_of(responses[0]) == "AAAAAA"
    assert text_of(responses[1])[:2] == "AB"
    assert text_of(responses[1])[2:] == "AAAA"


def test_cached_tokens_are_reported(make_engine, make_model, make_request, run_all) -> None:
    engine = make_engine(make_model("echo"), block_size=4)
    text = "the same prompt twice"
    first, second = (run_all(engine, [make_request(text)])[0] for _ in range(2))
    assert first[-1].usage.cached_tokens == 0
    assert second[0].usage.cached_tokens == second[-1].usage.cached_tokens == len(text) // 4 * 4


@pytest.mark.parametrize("fields", [{"temperature": 1.0, "top_p": 0.0}, {"temperature": 0.0, "top_k": -1}])
def test_parameters_that_clients_send_for_greedy_sampling(
    make_engine, make_model, make_request, run_all, fields
) -> None:
    greedy = run_all(make_engine(make_model("digest")), [make_request("x", max_tokens=20)])[0]
    other = run_all(make_engine(make_model("digest")), [make_request("x", max_tokens=20, **fields)])[0]
    assert text_of(other) == text_of(greedy)


@pytest.mark.parametrize("seed", [0, -1, 2**63 - 1, -(2**63)])
def test_a_seed_is_any_integer_of_64_bits(make_engine, make_model, make_request, run_all, seed) -> None:
    request = make_request("x", temperature=1.0, top_k=-1, seed=seed, max_tokens=20)
    one, other = (run_all(make_engine(make_model("digest")), [request])[0] for _ in range(2))
    assert text_of(one) == text_of(other)
