"""`POST /v1/responses`: what it passes to the model, its items and its events, and what it refuses."""

from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

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
from ..gateway import Gateway, parse_events
from ..recording_backend import record_requests
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]
from .test_chat import jpeg
from .test_completions import CALLS, LIMITS, SCHEMA, TAP, TAP_PARSED, THOUGHT
from .test_openai import assert_no_nulls

pytestmark = pytest.mark.anyio

RESPONSES = "/v1/responses"
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "of a city",
    "parameters": SCHEMA,
    "strict": True,
}
USER = {"role": "user", "content": "hi"}
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


async def start(start_gateway: StartGateway, *replies: dict[str, Any], **settings: Any) -> Gateway:
    return await start_gateway(limits=LIMITS, scripted={"replies": replies}, **settings)


async def send(gateway: Gateway, **fields: Any) -> httpx.Response:
    return await gateway.call("POST", RESPONSES, json={"model": "scripted", "input": "hi"} | fields)


async def respond(gateway: Gateway, **fields: Any) -> dict[str, Any]:
    """The response, which is also valid for OpenAI's own types."""
    response = await send(gateway, **fields)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    assert_no_nulls(document)
    Response.model_validate(document)
    return document


async def stream(gateway: Gateway, **fields: Any) -> list[dict[str, Any]]:
    """The events, which are also valid for OpenAI's own types."""
    response = await send(gateway, stream=True, **fields)
    assert response.status_code == 200, response.text
    events = list(parse_events(response.content))
    for number, event in enumerate(events):
        assert (event.name, event.number) == (event.data["type"], "")
        assert event.data["sequence_number"] == number
        assert_no_nulls(event.data)
        EVENT.validate_python(event.data)
    return [event.data for event in events]


async def received(gateway: Gateway, **fields: Any) -> GenerationRequest:
    requests = record_requests(gateway)
    await respond(gateway, **fields)
    return requests[0]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The types, of repeated ones only the first."""
    found = [event["type"].removeprefix("response.") for event in events]
    return [kind for index, kind in enumerate(found) if found[index - 1 : index] != [kind]]


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    output = [{**item, "id": ""} for item in document["output"]]
    return document | {"id": "", "created_at": 0, "output": output}


async def test_response_has_every_field_that_clients_require(gateway: Gateway) -> None:
    document = await respond(gateway, metadata={"trip": "7"}, temperature=0.5)
    assert document["id"].startswith("resp_")
    assert (document["object"], document["status"], document["model"]) == (
        "response",
        "completed",
        "scripted",
    )
    (message,) = document["output"]
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    (part,) = message["content"]
    assert part == {"type": "output_text", "text": "chat user: hi", "annotations": [], "logprobs": []}
    assert document["usage"] == {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 4,
    }
    assert (document["metadata"], document["temperature"], document["store"]) == ({"trip": "7"}, 0.5, False)
    assert (document["tools"], document["tool_choice"], document["parallel_tool_calls"]) == ([], "auto", True)


async def test_stream_of_a_text_has_openais_events_in_order(gateway: Gateway) -> None:
    events = await stream(gateway)
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "chat user: hi"
    assert events[0]["response"]["output"] == []


async def test_stream_ends_with_what_the_whole_response_is(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, THOUGHT | {"tool_calls": CALLS})
    fields: dict[str, Any] = {"tools": [WEATHER], "include": ["message.output_text.logprobs"]}
    whole = await respond(gateway, **fields)
    events = await stream(gateway, **fields)
    assert [item["type"] for item in whole["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    last = events[-1]["response"]
    call_ids = [item["call_id"] for item in last["output"] if item["type"] == "function_call"]
    assert len(set(call_ids)) == 2
    for document in (whole, last):
        for item in document["output"]:
            item.pop("call_id", None)
    assert without_ids(last) == without_ids(whole)


async def test_calls_of_functions_are_streamed_in_pieces(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"tool_calls": CALLS})
    events = await stream(gateway, tools=[WEATHER])
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done"]
    assert kinds(events) == ["created", "in_progress", *[*call, "output_item.done"] * 2, "completed"]
    for index, (name, arguments) in enumerate(CALLS):
        own = [event for event in events if event.get("output_index") == index]
        assert own[0]["item"] == own[0]["item"] | {"name": name, "arguments": "", "status": "in_progress"}
        pieces = [event["delta"] for event in own if event["type"].endswith("arguments.delta")]
        assert "".join(pieces) == arguments
        assert own[-1]["item"]["arguments"] == arguments
        assert {event["item_id"] for event in own if "item_id" in event} == {own[0]["item"]["id"]}


async def test_thoughts_are_an_item(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, THOUGHT)
    events = await stream(gateway)
    assert kinds(events)[2:8] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    reasoning, message = events[-1]["response"]["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "it is late"}]
    assert message["content"][0]["text"] == "good night"
    hidden = await start(start_gateway, THOUGHT, thoughts="hidden")
    assert [item["type"] for item in (await respond(hidden))["output"]] == ["message"]


async def test_response_that_is_cut_off_is_incomplete(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"text": "one two three"})
    document = await respond(gateway, max_output_tokens=2)
    assert (document["status"], document["incomplete_details"]) == (
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    assert document["output"][0]["status"] == "incomplete"
    events = await stream(gateway, max_output_tokens=2)
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["usage"]["output_tokens"] == 2


async def test_response_at_its_deadline(start_gateway: StartGateway) -> None:
    late = {"reply": "late " * 9, "step_seconds": 1.5}
    gateway = await start_gateway(request_timeout_seconds=1, scripted=late)
    assert (await send(gateway)).status_code == 504
    events = [event.data for event in parse_events((await send(gateway, stream=True)).content)]
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert events[-2]["code"] == events[-1]["response"]["error"]["code"] == "deadline_exceeded"
    assert events[-1]["response"]["status"] == "failed"


async def test_action_is_parsed(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"text": TAP})
    document = await respond(gateway, text={"format": {"type": "autoglm_action"}})
    assert document["output"][0]["content"][0]["action"] == TAP_PARSED


async def test_options_reach_the_model(gateway: Gateway) -> None:
    request = await received(
        gateway,
        instructions="be brief",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
        max_output_tokens=1_000_000,
        temperature=0.5,
        top_p=0,
        top_logprobs=2,
        text={"format": {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}},
        reasoning={"effort": "low", "summary": "auto"},
    )
    assert request.messages == (Message("system", (Text("be brief"),)), Message("user", (Text("hi"),)))
    assert request.tools == (ToolDefinition("weather", "of a city", SCHEMA, strict=True),)
    assert (request.tool_choice, request.parallel_tool_calls) == (NamedTool("weather"), False)
    assert request.output_format == JsonSchemaOutput(SCHEMA)
    assert (request.enable_thinking, request.fits_context, request.keep_tags) == (True, True, False)
    params = request.sampling_params
    assert (params.temperature, params.top_p, params.logprobs) == (0.5, 0, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"format": {"type": "text"}, "verbosity": "low"}, None),
        ({"format": {"type": "json_object"}}, JsonObjectOutput()),
        ({"format": {"type": "autoglm_action"}}, ActionOutput()),
    ],
)
async def test_formats_reach_the_model(gateway: Gateway, text: object, expected: object) -> None:
    assert (await received(gateway, text=text)).output_format == expected


async def test_input_items_become_messages(gateway: Gateway) -> None:
    picture = {"type": "input_image", "image_url": f"data:image/jpeg;base64,{jpeg(8, 6)}", "detail": "auto"}
    request = await received(
        gateway,
        input=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "input_text", "text": "look"}, picture]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "let me see", "annotations": []}],
            },
            {"type": "function_call", "call_id": "c1", "name": "a", "arguments": "{}", "id": "fc_1"},
            {"type": "function_call", "call_id": "c2", "name": "b", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {
                "type": "function_call_output",
                "call_id": "c2",
                "output": [{"type": "input_text", "text": "two"}],
            },
        ],
    )
    system, user, assistant, first, second = request.messages
    assert system == Message("system", (Text("be brief"),))
    assert user.parts[0] == Text("look")
    assert user.parts[1].pixels.shape == (6, 8, 3)
    calls = (ToolCall("c1", "a", "{}"), ToolCall("c2", "b", "{}"))
    assert assistant == Message("assistant", (Text("let me see"),), calls)
    assert first == Message("tool", (Text("one"),), tool_call_id="c1")
    assert second == Message("tool", (Text("two"),), tool_call_id="c2")


async def test_calls_of_a_turn_are_one_message_with_thoughts_between_them(gateway: Gateway) -> None:
    call = {"type": "function_call", "name": "a", "arguments": "{}"}
    items = [
        {"role": "user", "content": "look"},
        call | {"call_id": "c1"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        call | {"call_id": "c2"},
        {"role": "assistant", "content": "that is it"},
        {"role": "user", "content": "again"},
        call | {"call_id": "c3"},
    ]
    _, first, text, _, last = (await received(gateway, input=items)).messages
    assert first == Message("assistant", (), (ToolCall("c1", "a", "{}"), ToolCall("c2", "a", "{}")))
    assert text == Message("assistant", (Text("that is it"),))
    assert last == Message("assistant", (), (ToolCall("c3", "a", "{}"),))


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"previous_response_id": "resp_1"}, 400, "unsupported_parameter", "previous_response_id"),
        ({"conversation": "conv_1"}, 400, "unsupported_parameter", "conversation"),
        ({"store": True}, 400, "unsupported_parameter", "store"),
        ({"background": True}, 400, "unsupported_parameter", "background"),
        ({"prompt": {"id": "pmpt_1"}}, 400, "unsupported_parameter", "prompt"),
        ({"stop": ["e"]}, 400, "unsupported_parameter", "stop"),
        ({"seed": 0}, 400, "unsupported_parameter", "seed"),
        ({"frequency_penalty": 0.5}, 400, "unsupported_parameter", "frequency_penalty"),
        ({"ebnf": "root ::= x"}, 400, "unsupported_parameter", "ebnf"),
        ({"truncation": "auto"}, 400, "unsupported_parameter", "truncation"),
        ({"tools": [{"type": "web_search"}]}, 400, "unsupported_parameter", "tools.0.type"),
        ({"tools": [{"type": "function"}]}, 400, "unsupported_parameter", "tools.0.name"),
        ({"tool_choice": {"type": "file_search"}}, 400, "unsupported_parameter", "tool_choice"),
        ({"tool_choice": "required"}, 400, "invalid_output_format", "tool_choice"),
        (
            {"input": [{"type": "item_reference", "id": "msg_1"}]},
            400,
            "unsupported_parameter",
            "input.0.type",
        ),
        ({"input": [{"type": "web_search_call"}]}, 400, "unsupported_parameter", "input.0.type"),
        ({"input": [{"role": "robot", "content": "hi"}]}, 422, "invalid_request", "input.0.role"),
        ({"input": []}, 422, "invalid_request", "input"),
        ({"metadata": {"trip": "x" * 513}}, 422, "invalid_request", "metadata.trip"),
        ({"model": "gpt-5"}, 404, "model_not_found", "model"),
        ({"temperature": 3}, 422, "invalid_request", "temperature"),
        ({"input": "word " * 5000}, 400, "context_length_exceeded", "input"),
        (
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]}
                ]
            },
            422,
            "invalid_media",
            "input.0.content.0.image_url",
        ),
    ],
)
async def test_refusals_name_the_field(
    gateway: Gateway, fields: dict[str, Any], status: int, code: str, param: str
) -> None:
    response = await send(gateway, **fields)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)


@pytest.mark.parametrize("field", ["previous_response_id", "store"])
async def test_refusal_says_that_nothing_is_stored(gateway: Gateway, field: str) -> None:
    response = await send(gateway, **{field: "x" if field == "previous_response_id" else True})
    assert "not stored" in response.json()["error"]["message"]


async def test_openais_sdk_gets_what_it_parses(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, {"text": '{"city": "Rome"}'})
    token = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    async with openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key=token, max_retries=0
    ) as client:
        response = await client.responses.create(model="scripted", input="hi")
        assert response.output_text == '{"city": "Rome"}'
        with pytest.raises(openai.BadRequestError, match="not stored"):
            await client.responses.create(model="scripted", input="hi", store=True)
