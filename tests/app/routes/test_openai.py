"""The routes under `/v1`: shapes, bytes, and what its clients expect."""

import base64
import json
import re

import pytest

from inference import SpeechFit, Text
from testbed.noises import as_wav, make_noise

from ..conftest import StartGateway
from ..gateway import Gateway, parse_events
from ..recording_backend import record_requests
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module
from ..spoken import two_sentences, wav

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]
from .test_chat import jpeg

pytestmark = pytest.mark.anyio

COMPLETIONS = "/v1/chat/completions"
ALWAYS_THERE = {"id", "object", "created", "model", "system_fingerprint"}


def body(content: object, **more: object) -> dict[str, object]:
    return {"model": "scripted", "messages": [{"role": "user", "content": content}], **more}


def too_large() -> dict[str, object]:
    return {"properties": {f"p{number}": {"description": "x" * 9000} for number in range(30)}}


def schema_format(schema: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def assert_no_nulls(value: object) -> None:
    assert value is not None
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        assert_no_nulls(child)


async def test_completion_has_every_field_and_no_null(gateway: Gateway) -> None:
    response = (await gateway.call("POST", COMPLETIONS, json=body("hi"))).json()
    assert_no_nulls(response)
    assert response.keys() == ALWAYS_THERE | {"choices", "usage"}
    assert response["object"] == "chat.completion"
    assert response["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "chat user: hi"}, "finish_reason": "stop"}
    ]
    assert response["usage"] == {
        "prompt_tokens": 1,
        "completion_tokens": 3,
        "total_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


async def test_parts_reach_the_model_in_their_order(gateway: Gateway) -> None:
    content = [
        {"type": "text", "text": "look:"},
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{jpeg(8, 6)}", "detail": "high"}},
        {"type": "text", "text": "and listen:"},
        {
            "type": "input_audio",
            "input_audio": {"data": base64.b64encode(wav(1.5)).decode(), "format": "wav"},
        },
    ]
    response = (await gateway.call("POST", COMPLETIONS, json=body(content))).json()
    said = response["choices"][0]["message"]["content"]
    assert said == "chat user: look: image(8x6) and listen: audio(1.5s)"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", [COMPLETIONS, "/v1/responses"])
async def test_a_model_that_hears_one_phrase_reads_several(
    gateway: Gateway, route: str, stream: bool
) -> None:
    """What it hears at once is bounded by pauses: the second sentence would be lost."""
    requests = record_requests(gateway, speech_fit=SpeechFit(4.6, may_pause=False))
    for recording, heard, tasks in (
        (wav(2), "audio(2.0s) and?", ["chat"]),
        (two_sentences(), "transcribe user: audio(", ["transcribe"] * 4 + ["chat"]),
    ):
        part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(recording).decode()}}
        request = body([part, {"type": "text", "text": "and?"}])
        if route == "/v1/responses":
            content = [part, {"type": "input_text", "text": "and?"}]
            request = {"model": "scripted", "input": [{"role": "user", "content": content}]}
        response = await gateway.call("POST", route, json=request | {"stream": stream})
        assert response.status_code == 200, response.text
        assert [request.task for request in requests] == tasks
        (message,) = requests[-1].messages
        said, question = message.parts
        assert question == Text("and?")
        assert isinstance(said, Text) == (len(tasks) > 1)
        assert stream or heard in response.text
        requests.clear()


async def test_transcripts_of_phrases_need_tokens_of_the_quota(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"daily_tokens": 530}, scripted={"reply": "{prompt}"})
    record_requests(gateway, speech_fit=SpeechFit(4.6, may_pause=False))
    recording = base64.b64encode(two_sentences()).decode()
    request = body([{"type": "input_audio", "input_audio": {"data": recording}}])
    response = await gateway.call("POST", COMPLETIONS, json=request)
    assert (response.status_code, response.json()["error"]["param"]) == (422, "max_tokens")


async def test_images_beside_the_messages_are_taken(gateway: Gateway) -> None:
    response = (await gateway.call("POST", COMPLETIONS, json=body("this?", images=[jpeg(8, 6)]))).json()
    assert response["choices"][0]["message"]["content"] == "chat user: image(8x6) this?"


async def test_stream_is_bare_data_lines_that_end_with_done(gateway: Gateway) -> None:
    headers = await gateway.headers()
    request = body("你好", stream=True, stream_options={"include_usage": True})
    async with gateway.client.stream("POST", COMPLETIONS, json=request, headers=headers) as response:
        raw = await response.aread()
    events = list(parse_events(raw))
    assert all(event.name == "" and event.number == "" for event in events)
    assert raw.endswith(b"\n\ndata: [DONE]\n\n")
    *chunks, last, done = [event.data for event in events]
    assert done == "[DONE]"
    for chunk in (*chunks, last):
        assert chunk.keys() >= ALWAYS_THERE
        assert_no_nulls(chunk)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "chat user: 你好"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 4


async def test_stream_without_include_usage_has_none(gateway: Gateway) -> None:
    events = await gateway.events(COMPLETIONS, json=body("hi", stream=True))
    assert all("usage" not in event.data for event in events[:-1])
    assert all(event.data["choices"] for event in events[:-1])


async def test_deadline_ends_a_completion_as_too_few_tokens_do(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        request_timeout_seconds=1, scripted={"reply": "tick " * 50, "step_seconds": 0.1}
    )
    *_, last, done = await gateway.events(COMPLETIONS, json=body("wait", stream=True))
    assert (last.data["choices"][0]["finish_reason"], done.data) == ("length", "[DONE]")
    response = await gateway.call("POST", COMPLETIONS, json=body("wait"))
    assert response.status_code == 200
    (choice,) = response.json()["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"].startswith("tick tick")


async def test_completion_that_has_no_token_at_its_deadline_is_504(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(request_timeout_seconds=1, scripted={"reply": "late", "step_seconds": 1.5})
    response = await gateway.call("POST", COMPLETIONS, json=body("wait"))
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")


async def test_two_completions_have_two_ids_though_the_caller_repeats_its_own(gateway: Gateway) -> None:
    headers = {"X-Request-ID": "retry-1"}
    whole = [await gateway.call("POST", COMPLETIONS, json=body("hi"), headers=headers) for _ in range(2)]
    streamed = [
        await gateway.call("POST", COMPLETIONS, json=body("hi", stream=True), headers=headers)
        for _ in range(2)
    ]
    ids = [response.json()["id"] for response in whole]
    for response in streamed:
        (one_id,) = {event.data["id"] for event in parse_events(response.content) if event.data != "[DONE]"}
        ids.append(one_id)
    assert len(set(ids)) == 4
    assert all(re.fullmatch("chatcmpl-[0-9a-f]{24}", one_id) for one_id in ids)
    assert {response.headers["x-request-id"] for response in (*whole, *streamed)} == {"retry-1"}


async def test_unknown_fields_are_ignored(gateway: Gateway) -> None:
    request = body("hi", user="someone", parallel_tool_calls=False, service_tier="auto")
    assert (await gateway.call("POST", COMPLETIONS, json=request)).status_code == 200


async def test_fields_that_ask_for_nothing_are_accepted(gateway: Gateway) -> None:
    nothing = {"logit_bias": {}, "tools": [], "logprobs": False, "presence_penalty": 0, "functions": None}
    request = body("hi", response_format={"type": "text"}, **nothing)
    assert (await gateway.call("POST", COMPLETIONS, json=request)).status_code == 200


async def test_null_means_absent(gateway: Gateway) -> None:
    request = body("hi", temperature=None, max_tokens=None, stop=None, stream=None, seed=None)
    assert (await gateway.call("POST", COMPLETIONS, json=request)).status_code == 200


async def test_fields_of_engines_that_change_nothing_are_ignored(gateway: Gateway) -> None:
    off = {"min_p": 0.0, "repetition_penalty": 1.0, "stop_token_ids": [], "ignore_eos": False, "best_of": 1}
    more = {"regex": None, "echo": False, "min_tokens": 0, "stream_options": {"include_usage": None}}
    response = await gateway.call("POST", "/v1/chat/completions", json=body("hi", **off, **more))
    assert response.status_code == 200, response.text


NESTED = '{"a":' * 65 + "1" + "}" * 65


@pytest.mark.parametrize("arguments", ["not json", "[1]", '{"a": NaN}', r'{"a": "\ud83d"}', NESTED])
async def test_arguments_of_calls_are_objects_of_json(gateway: Gateway, arguments: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call]}]
    request = body("hi") | {"messages": messages}
    response = await gateway.call("POST", "/v1/chat/completions", json=request)
    assert response.status_code == 422
    assert response.json()["error"]["param"] == "messages.1.tool_calls.0.function.arguments"
    item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": arguments}
    response = await gateway.call("POST", "/v1/responses", json={"model": request["model"], "input": [item]})
    assert (response.status_code, response.json()["error"]["param"]) == (422, "input.0.arguments")


@pytest.mark.parametrize("arguments", ["", "{}", NESTED.removeprefix('{"a":').removesuffix("}")])
async def test_arguments_of_calls_may_be_nested(gateway: Gateway, arguments: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    result = {"role": "tool", "tool_call_id": "c1", "content": "done"}
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call]}, result]
    request = body("hi") | {"messages": messages}
    assert (await gateway.call("POST", "/v1/chat/completions", json=request)).status_code == 200


@pytest.mark.parametrize(
    ("request_body", "status", "code", "param"),
    [
        (body("hi") | {"model": "gpt-5"}, 404, "model_not_found", "model"),
        (body("hi", temperature=9), 422, "invalid_request", "temperature"),
        (body("hi") | {"messages": []}, 422, "invalid_request", "messages"),
        (body("word " * 5000), 400, "context_length_exceeded", "messages"),
        (body("hi", n=5), 422, "invalid_request", "n"),
        (body("hi", tools=[{"type": "function"}]), 400, "unsupported_parameter", "tools.0.function"),
        (body("hi", tools=[{"type": "web_search"}]), 400, "unsupported_parameter", "tools.0.type"),
        (body("hi", tool_choice="any"), 422, "invalid_request", "tool_choice"),
        (body("hi", tool_choice={"type": "custom"}), 400, "unsupported_parameter", "tool_choice"),
        (body("hi", tool_choice="required"), 400, "invalid_output_format", "tool_choice"),
        (body("hi", response_format={"type": "xml"}), 422, "invalid_request", "response_format.type"),
        (body("hi", functions=[{"name": "f"}]), 400, "unsupported_parameter", "functions"),
        (body("hi", audio={"voice": "x"}), 400, "unsupported_parameter", "audio"),
        (body("hi", modalities=["text", "audio"]), 400, "unsupported_parameter", "modalities"),
        (body("hi", web_search_options={}), 400, "unsupported_parameter", "web_search_options"),
        (body("hi", guided_regex="a+"), 400, "unsupported_parameter", "guided_regex"),
        (body("hi", guided_choice=["a"]), 400, "unsupported_parameter", "guided_choice"),
        (body("hi", guided_grammar="x"), 400, "unsupported_parameter", "guided_grammar"),
        (body("hi", regex="a+"), 400, "unsupported_parameter", "regex"),
        (body("hi", json_schema="{}"), 400, "unsupported_parameter", "json_schema"),
        (body("hi", min_p=0.1), 400, "unsupported_parameter", "min_p"),
        (body("hi", repetition_penalty=1.1), 400, "unsupported_parameter", "repetition_penalty"),
        (body("hi", stop_token_ids=[5]), 400, "unsupported_parameter", "stop_token_ids"),
        (body("hi", ignore_eos=True), 400, "unsupported_parameter", "ignore_eos"),
        (body("hi", best_of=2), 400, "unsupported_parameter", "best_of"),
        (body("hi", guided_json="{"), 400, "unsupported_parameter", "guided_json"),
        (
            body("hi", structured_outputs={"regex": "a+"}),
            400,
            "unsupported_parameter",
            "structured_outputs.regex",
        ),
        (
            body("hi", guided_json={}, response_format={"type": "json_object"}),
            400,
            "unsupported_parameter",
            "guided_json",
        ),
        (body("hi", guided_json=too_large()), 400, "invalid_output_format", "guided_json"),
        (
            body("hi", response_format=schema_format(too_large())),
            400,
            "invalid_output_format",
            "response_format",
        ),
        (body("hi", top_logprobs=2), 400, "unsupported_parameter", "top_logprobs"),
        (body("hi", logprobs=True, top_logprobs=21), 422, "invalid_request", "top_logprobs"),
        (body("hi", logit_bias={"x": 1}), 422, "invalid_request", "logit_bias.x"),
        (body("hi", logit_bias={"007": 1, "7": 2}), 422, "invalid_request", "logit_bias.007"),
        (body("hi", logit_bias={"5": 101}), 422, "invalid_request", "logit_bias.5"),
        (body("hi", presence_penalty=2.5), 422, "invalid_request", "presence_penalty"),
        (body("hi", seed=2**63), 422, "invalid_request", "seed"),
        (body("hi", top_k=-2), 422, "invalid_request", "top_k"),
        (body(None), 422, "invalid_request", "messages.0.content"),
        (body([]), 422, "invalid_request", "messages.0.content"),
        (
            body("hi") | {"messages": [{"role": "tool", "content": "x"}]},
            422,
            "invalid_request",
            "messages.0.tool_call_id",
        ),
    ],
)
async def test_refusals_have_openai_shape(
    gateway: Gateway, request_body: dict[str, object], status: int, code: str, param: str
) -> None:
    response = await gateway.call("POST", COMPLETIONS, json=request_body)
    assert response.status_code == status
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert all(isinstance(value, str) for value in error.values())
    assert (error["code"], error["param"]) == (code, param)


async def test_older_route_is_refused_with_the_one_to_use(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/v1/completions", json={"model": "scripted", "prompt": "hi"})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (404, "not_found")
    assert "POST /v1/chat/completions" in error["message"]


async def test_unknown_path_under_v1_is_response_sent_in_openai_shape(gateway: Gateway) -> None:
    response = await gateway.client.get("/v1/nothing")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


async def test_models_lists_the_loaded_one(gateway: Gateway) -> None:
    response = (await gateway.call("GET", "/v1/models")).json()
    assert [model["id"] for model in response["data"]] == ["scripted"]
    assert_no_nulls(response)


async def test_bytes_of_a_completion_are_utf8_json(gateway: Gateway) -> None:
    response = await gateway.call("POST", COMPLETIONS, json=body("\u2028"))
    assert json.loads(response.content.decode("utf-8"))["choices"][0]["message"]["content"].endswith("\u2028")


async def test_recording_without_speech_is_refused_by_its_place(gateway: Gateway) -> None:
    silence = base64.b64encode(as_wav(make_noise("pink", 1.0))).decode()
    parts = [
        {"type": "text", "text": "do it"},
        {"type": "input_audio", "input_audio": {"data": silence, "format": "wav"}},
    ]
    response = await gateway.call("POST", COMPLETIONS, json=body(parts))
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "no_speech")
    assert error["param"] == "messages.0.content.1.input_audio.data"
