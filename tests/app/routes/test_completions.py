"""What a chat completion passes to the model, and what it makes of thoughts, tools, choices and formats."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from inference import (
    ActionOutput,
    GenerationRequest,
    JsonObjectOutput,
    JsonSchemaOutput,
    Message,
    NamedTool,
    Text,
    ToolCall,
    ToolDefinition,
)

from ..conftest import StartGateway
from ..gateway import Gateway
from ..recording_backend import record_requests
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]
from .test_openai import COMPLETIONS, assert_no_nulls, body, schema_format

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parents[3] / "samples"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "of a city", "parameters": SCHEMA, "strict": True},
}
CALLS = (("weather", '{"city": "Rome"}'), ("weather", '{"city": "Oslo"}'))
TAP = 'do(action="Tap", element=[500,250])'
TAP_PARSED = {"_metadata": "do", "action": "Tap", "element": [500, 250]}
LIMITS = {"requests_per_minute": 10_000, "concurrent_requests": 100}


async def start(start_gateway: StartGateway, *replies: dict[str, Any], **settings: Any) -> Gateway:
    return await start_gateway(limits=LIMITS, scripted={"replies": replies}, **settings)


async def received(gateway: Gateway, **fields: Any) -> GenerationRequest:
    """What the backend gets for these fields of a request."""
    requests = record_requests(gateway)
    response = await gateway.call("POST", COMPLETIONS, json=body("hi") | fields)
    assert response.status_code == 200, response.text
    return requests[0]


async def choices(gateway: Gateway, **fields: Any) -> list[dict[str, Any]]:
    response = await gateway.call("POST", COMPLETIONS, json=body("hi", **fields))
    assert response.status_code == 200, response.text
    assert_no_nulls(response.json())
    found: list[dict[str, Any]] = response.json()["choices"]
    return found


async def streamed(gateway: Gateway, **fields: Any) -> list[dict[str, Any]]:
    """The choices of the chunks, in their order."""
    *chunks, done = await gateway.events(COMPLETIONS, json=body("hi", stream=True, **fields))
    assert done.data == "[DONE]"
    for chunk in chunks:
        assert_no_nulls(chunk.data)
    return [choice for chunk in chunks for choice in chunk.data["choices"]]


def joined(pieces: list[dict[str, Any]], name: str) -> str:
    return "".join(piece["delta"].get(name, "") for piece in pieces)


# Parameters


async def test_sampling_parameters_reach_the_model(gateway: Gateway) -> None:
    request = await received(
        gateway,
        temperature=0.5,
        top_p=0,
        top_k=-1,
        seed=-(2**63),
        frequency_penalty=-1,
        presence_penalty=1.5,
        logit_bias={"7": -100, "12": 0.5},
        logprobs=True,
        top_logprobs=3,
        max_completion_tokens=9,
    )
    params = request.sampling_params
    assert (params.temperature, params.top_p, params.top_k, params.seed) == (0.5, 0, 0, -(2**63))
    assert (params.frequency_penalty, params.presence_penalty) == (-1, 1.5)
    assert (params.logit_bias, params.logprobs, params.max_tokens) == (((7, -100), (12, 0.5)), 3, 9)
    params = (await received(gateway, seed=2**63 - 1, logprobs=False)).sampling_params
    assert (params.seed, params.logprobs) == (2**63 - 1, None)


async def test_native_route_takes_the_same_extremes(gateway: Gateway) -> None:
    requests = record_requests(gateway)
    fields = {"top_p": 0, "top_k": -1, "seed": -(2**63), "presence_penalty": -2, "max_tokens": 4000}
    response = await gateway.call("POST", "/chat", json={"prompt": "hi", **fields})
    assert response.status_code == 200, response.text
    params = requests[0].sampling_params
    assert (params.top_p, params.top_k, params.seed, params.presence_penalty) == (0, 0, -(2**63), -2)


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_more_tokens_than_the_context_are_lowered_to_it(gateway: Gateway, field: str) -> None:
    response = await gateway.call("POST", COMPLETIONS, json=body("hi", **{field: 1_000_000}))
    assert response.status_code == 200
    response = await gateway.call("POST", COMPLETIONS, json=body("word " * 4096, **{field: 1_000_000}))
    assert response.json()["error"]["code"] == "context_length_exceeded"


async def test_lowered_tokens_are_what_the_quota_reserves(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"daily_tokens": 4096})
    response = await gateway.call("POST", COMPLETIONS, json=body("hi", max_tokens=1_000_000))
    assert response.status_code == 200
    response = await gateway.call("POST", COMPLETIONS, json=body("hi", max_tokens=4000, n=2))
    assert (response.status_code, response.json()["error"]["param"]) == (422, "max_tokens")


@pytest.mark.parametrize("route", [COMPLETIONS, "/v1/responses"])
async def test_a_response_is_as_long_as_the_context_allows(start_gateway: StartGateway, route: str) -> None:
    gateway = await start_gateway(scripted={"reply": "word " * 5000})
    request = {"model": "scripted", "input": "hi"} if route == "/v1/responses" else body("hi")
    response = (await gateway.call("POST", route, json=request)).json()
    assert response["usage"]["total_tokens"] == gateway.services.backend.model_card.context_length


async def test_a_response_without_a_limit_ends_where_the_quota_does(start_gateway: StartGateway) -> None:
    limits = {"daily_tokens": 2000, "requests_per_minute": 100}
    gateway = await start_gateway(limits=limits, scripted={"reply": "word " * 5000})
    request = body("hi")
    response = (await gateway.call("POST", COMPLETIONS, json=request)).json()
    assert response["choices"][0]["finish_reason"] == "length"
    assert response["usage"]["completion_tokens"] == 2000
    assert (await gateway.call("POST", COMPLETIONS, json=request)).status_code == 429


async def test_choices_without_a_limit_share_the_quota(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"daily_tokens": 2000}, scripted={"reply": "word " * 5000})
    response = (await gateway.call("POST", COMPLETIONS, json=body("hi", n=2))).json()
    assert response["usage"]["completion_tokens"] == 2000


async def test_few_tokens_are_reserved_for_a_response_without_a_limit(start_gateway: StartGateway) -> None:
    """So that requests at once do not refuse each other."""
    limits = {"daily_tokens": 2000, "concurrent_requests": 3}
    gateway = await start_gateway(limits=limits, scripted={"reply": "done", "step_seconds": 0.2})
    responses = await asyncio.gather(*(gateway.call("POST", COMPLETIONS, json=body("hi")) for _ in range(3)))
    assert [response.status_code for response in responses] == [200] * 3


async def test_log_probabilities_come_with_their_tokens(gateway: Gateway) -> None:
    (choice,) = await choices(gateway, logprobs=True, top_logprobs=2)
    first, *_ = choice["logprobs"]["content"]
    assert first["token"] == "chat"
    assert bytes(first["bytes"]) == b"chat"
    assert first["logprob"] < 0
    assert [token["token"] for token in first["top_logprobs"]] == ["chat", "chat1"]
    pieces = await streamed(gateway, logprobs=True)
    tokens = [token for piece in pieces for token in piece.get("logprobs", {}).get("content", ())]
    assert "".join(token["token"] for token in tokens) == joined(pieces, "content")
    assert all(token["top_logprobs"] == [] for token in tokens)
    assert all("logprobs" not in piece for piece in await streamed(gateway))


async def test_usage_has_cached_and_reasoning_tokens(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"reasoning": "a b c", "text": "d", "cached_tokens": 1})
    usage = (await gateway.call("POST", COMPLETIONS, json=body("one two"))).json()["usage"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 1}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 3}
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (2, 4)


# Choices


async def test_several_choices_have_seeds_of_their_own_and_one_prompt(gateway: Gateway) -> None:
    requests = record_requests(gateway)
    response = (await gateway.call("POST", COMPLETIONS, json=body("hi", n=3, seed=2**63 - 1))).json()
    assert [choice["index"] for choice in response["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in response["choices"]} == {"chat user: hi"}
    assert (response["usage"]["prompt_tokens"], response["usage"]["completion_tokens"]) == (1, 9)
    assert [request.sampling_params.seed for request in requests] == [2**63 - 1, -(2**63), -(2**63) + 1]


async def test_choices_that_do_not_all_fit_cost_nothing(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 1})
    requests = record_requests(gateway, most=1)
    response = await gateway.call("POST", COMPLETIONS, json=body("hi", n=2))
    assert (response.status_code, response.json()["error"]["code"], len(requests)) == (503, "overloaded", 2)
    requests.clear()
    assert (await gateway.call("POST", COMPLETIONS, json=body("hi"))).status_code == 200


async def test_several_choices_are_streamed_in_turns(gateway: Gateway) -> None:
    request = body("hi", n=2, stream=True, stream_options={"include_usage": True})
    *chunks, last, _ = await gateway.events(COMPLETIONS, json=request)
    assert last.data["usage"]["completion_tokens"] == 6
    pieces = [choice for chunk in chunks for choice in chunk.data["choices"]]
    for index in (0, 1):
        own = [piece for piece in pieces if piece["index"] == index]
        assert joined(own, "content") == "chat user: hi"
        assert own[-1]["finish_reason"] == "stop"
    assert [piece["index"] for piece in pieces[:6]] == [0, 1, 0, 1, 0, 1]


# Tools


async def test_tools_and_their_choice_reach_the_model(gateway: Gateway) -> None:
    request = await received(gateway, tools=[WEATHER], parallel_tool_calls=False)
    assert request.tools == (ToolDefinition("weather", "of a city", SCHEMA, strict=True),)
    assert (request.tool_choice, request.parallel_tool_calls) == ("auto", False)
    named = {"type": "function", "function": {"name": "weather"}}
    for sent, expected in (("none", "none"), ("required", "required"), (named, NamedTool("weather"))):
        assert (await received(gateway, tools=[WEATHER], tool_choice=sent)).tool_choice == expected
    assert (await received(gateway, tools=[], tool_choice="auto")).tools == ()


async def test_tool_calls_are_returned_whole(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"tool_calls": CALLS})
    (choice,) = await choices(gateway, tools=[WEATHER])
    assert choice["finish_reason"] == "tool_calls"
    calls = choice["message"]["tool_calls"]
    assert [call["function"] for call in calls] == [{"name": name, "arguments": text} for name, text in CALLS]
    assert len({call["id"] for call in calls}) == 2
    assert "content" not in choice["message"]


async def test_tool_calls_are_streamed_in_pieces(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"text": "Let me look.", "tool_calls": CALLS})
    first, *pieces, last = await streamed(gateway, tools=[WEATHER])
    assert first["delta"] == {"role": "assistant", "content": ""}
    assert last == {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    assert joined(pieces, "content") == "Let me look."
    calls = [call for piece in pieces for call in piece["delta"].get("tool_calls", ())]
    for index, (name, arguments) in enumerate(CALLS):
        begun, *rest = [call for call in calls if call["index"] == index]
        assert begun == {
            "index": index,
            "id": begun["id"],
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        assert len(rest) == 2
        assert all(call.keys() == {"index", "function"} for call in rest)
        assert "".join(call["function"]["arguments"] for call in rest) == arguments


@pytest.mark.parametrize("content", [None, "absent", []])
async def test_results_of_tools_reach_the_model(gateway: Gateway, content: object) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    assistant = {"role": "assistant", "tool_calls": [call]}
    if content != "absent":
        assistant["content"] = content
    request = await received(
        gateway,
        messages=[
            {"role": "user", "content": "hi"},
            assistant,
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "assistant", "reasoning_content": "only a thought"},
            {"role": "tool", "tool_call_id": "call_2"},
        ],
        tools=[WEATHER],
    )
    assert request.messages == (
        Message("user", (Text("hi"),)),
        Message("assistant", (), (ToolCall("call_1", "weather", "{}"),)),
        Message("tool", (Text("sunny"),), tool_call_id="call_1"),
        Message("tool", (Text(""),), tool_call_id="call_2"),
    )


# Formats


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, JsonObjectOutput()),
        ({"response_format": schema_format(SCHEMA)}, JsonSchemaOutput(SCHEMA)),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, JsonObjectOutput()),
        ({"response_format": {"type": "autoglm_action"}}, ActionOutput()),
        ({"guided_json": SCHEMA}, JsonSchemaOutput(SCHEMA)),
        ({"guided_json": '{"type": "integer"}'}, JsonSchemaOutput({"type": "integer"})),
        ({"structured_outputs": {"json": SCHEMA, "regex": None}}, JsonSchemaOutput(SCHEMA)),
        ({"structured_outputs": {"json_object": True}}, JsonObjectOutput()),
        ({"structured_outputs": {"disable_fallback": True}}, None),
    ],
)
async def test_formats_reach_the_model(gateway: Gateway, fields: dict[str, Any], expected: object) -> None:
    assert (await received(gateway, **fields)).output_format == expected


async def test_action_is_returned_as_json_too(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"text": TAP, "reasoning": "why"})
    action: dict[str, Any] = {"response_format": {"type": "autoglm_action"}}
    (choice,) = await choices(gateway, **action)
    assert choice["message"]["content"] == TAP
    assert choice["message"]["action"] == TAP_PARSED
    *_, last = await streamed(gateway, **action)
    assert last["delta"] == {"action": TAP_PARSED}
    (choice,) = await choices(gateway, reasoning_format="raw", **action)
    assert choice["message"]["content"] == f"<think>why</think><answer>{TAP}"
    assert choice["message"]["action"] == TAP_PARSED
    *_, last = await streamed(gateway, reasoning_format="raw", **action)
    assert last["delta"] == {"action": TAP_PARSED}
    (choice,) = await choices(gateway, max_tokens=2, **action)
    assert "action" not in choice["message"]
    (choice,) = await choices(gateway)
    assert "action" not in choice["message"]


async def test_native_routes_return_actions(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"text": TAP})
    requests = record_requests(gateway)
    response = await gateway.call("POST", "/chat", json={"prompt": "hi", "action": True})
    assert response.json()["action"] == TAP_PARSED
    assert requests[0].output_format == ActionOutput()
    *_, done = await gateway.events("/chat", json={"prompt": "hi", "action": True, "stream": True})
    assert done.data["action"] == TAP_PARSED
    response = await gateway.call("POST", "/chat", json={"prompt": "hi"})
    assert "action" not in response.json()
    assert requests[-1].output_format is None


# Thoughts

THOUGHT = {"reasoning": "it is late", "text": "good night"}
WRITTEN = "<think>it is late</think><answer>good night</answer>"


@pytest.mark.parametrize(
    ("fields", "content", "thoughts"),
    [
        ({}, WRITTEN, None),
        ({"return_reasoning": True}, "good night", "it is late"),
        ({"return_reasoning": False}, "good night", None),
        ({"include_reasoning": True}, "good night", "it is late"),
        ({"reasoning_format": "raw"}, WRITTEN, None),
        ({"reasoning_format": "none"}, WRITTEN, None),
        ({"reasoning_format": "parsed"}, "good night", "it is late"),
        ({"reasoning_format": "hidden"}, "good night", None),
        ({"separate_reasoning": False}, WRITTEN, None),
        ({"separate_reasoning": True}, "good night", "it is late"),
        ({"response_format": {"type": "json_object"}}, "good night", "it is late"),
        ({"tools": [WEATHER]}, "good night", "it is late"),
        ({"tools": [WEATHER], "tool_choice": "none"}, WRITTEN, None),
        ({"response_format": {"type": "json_object"}, "reasoning_format": "raw"}, WRITTEN, None),
    ],
)
async def test_thoughts_of_an_autoglm_checkpoint_are_where_the_request_wants_them(
    start_gateway: StartGateway, fields: dict[str, Any], content: str, thoughts: str | None
) -> None:
    gateway = await start(start_gateway, THOUGHT, model_name="AutoGLM-Phone-9B")
    fields["model"] = "autoglm-phone-9b"
    (choice,) = await choices(gateway, **fields)
    assert choice["message"]["content"] == content
    assert choice["message"].get("reasoning_content") == thoughts
    pieces = await streamed(gateway, **fields)
    assert joined(pieces, "content") == content
    assert joined(pieces, "reasoning_content") == (thoughts or "")


@pytest.mark.parametrize(
    ("settings", "content", "thoughts"),
    [
        ({}, "good night", "it is late"),
        ({"thoughts": "content"}, WRITTEN, None),
        ({"thoughts": "hidden"}, "good night", None),
        ({"thoughts": "reasoning_content", "model_name": "autoglm"}, "good night", "it is late"),
    ],
)
async def test_setting_says_where_thoughts_go_by_default(
    start_gateway: StartGateway, settings: dict[str, Any], content: str, thoughts: str | None
) -> None:
    gateway = await start(start_gateway, THOUGHT, **settings)
    (choice,) = await choices(gateway, model=settings.get("model_name", "scripted"))
    assert choice["message"]["content"] == content
    assert choice["message"].get("reasoning_content") == thoughts


async def test_no_end_tag_follows_an_action(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, THOUGHT | {"text": TAP}, thoughts="content")
    (choice,) = await choices(gateway)
    assert choice["message"]["content"] == f"<think>it is late</think><answer>{TAP}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"enable_thinking": True}, True),
        ({"chat_template_kwargs": {"enable_thinking": True}}, True),
        ({"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "high"}, False),
        ({"chat_template_kwargs": {"clear_thinking": True}}, False),
        ({"chat_template_kwargs": {"thinking": True}}, True),
        ({"thinking": {"type": "enabled"}}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, True),
        ({"reasoning_effort": "low"}, True),
    ],
)
async def test_requests_say_whether_the_model_thinks(
    gateway: Gateway, fields: dict[str, Any], expected: bool
) -> None:
    assert (await received(gateway, **fields)).enable_thinking is expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"thinking": "on"}, True),
        ({"model": "zai-org/AutoGLM-Phone-9B"}, True),
        ({"model": "zai-org/AutoGLM-Phone-9B", "thinking": "off"}, False),
        ({"model": "zai-org/GLM-4-9B-0414"}, False),
        ({"model_name": "scripted", "model": "/models/AutoGLM-Phone-9B/"}, True),
    ],
)
async def test_setting_says_whether_the_model_thinks_by_default(
    start_gateway: StartGateway, settings: dict[str, Any], expected: bool
) -> None:
    gateway = await start(start_gateway, THOUGHT, **settings)
    assert (await received(gateway)).enable_thinking is expected
    assert (await received(gateway, enable_thinking=not expected)).enable_thinking is not expected


# The included model


async def test_order_of_text_and_picture_does_not_change_the_response(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(backend="in_process", devices=("cpu",), request_timeout_seconds=300)
    screenshot = base64.b64encode((SAMPLES / "screenshot.png").read_bytes()).decode()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{screenshot}"}}
    text = {"type": "text", "text": "What is at [500,250]?"}
    messages = [[{"role": "user", "content": parts}] for parts in ([picture, text], [text, picture])]
    before, after = [
        (await gateway.call("POST", COMPLETIONS, json={"model": "autoglm-phone-9b", "messages": each})).json()
        for each in messages
    ]
    assert before["choices"] == after["choices"]
    assert before["usage"]["prompt_tokens"] == after["usage"]["prompt_tokens"]
    assert before["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}
    assert after["usage"]["prompt_tokens_details"]["cached_tokens"] > 0
