"""The remote backend against engines that misbehave, over real connections."""

import asyncio
import gzip
import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from inference.backends.remote.backend import RemoteBackend
from inference.config import RemoteConfig, RemoteEndpoint
from inference.errors import (
    BackendUnavailable,
    EngineFailed,
    GenerationFailed,
    InferenceError,
    InvalidParameter,
    PromptTooLong,
    QueueFull,
    RequestRefused,
    UnsupportedModality,
    UnsupportedParameter,
)
from inference.queue_place import QueuePlace, Wait
from inference.types import (
    ActionOutput,
    Audio,
    Delta,
    Image,
    JsonObjectOutput,
    JsonSchemaOutput,
    Message,
    NamedTool,
    Text,
    TokenLogprob,
    ToolDefinition,
    Usage,
)

from .conftest import SECRET, collect, text_of
from .engine_server import (
    DONE,
    ENDING,
    STREAM_HEAD,
    USAGE,
    Behaviour,
    Exchange,
    begin_and_hang,
    cut_before_the_head,
    engine_server,
    event,
    hang,
    response,
    sends,
    text_event,
    whole,
)

pytestmark = pytest.mark.anyio

SECONDS = 10.0


async def cut_in_the_stream(exchange: Exchange) -> None:
    await exchange.send(STREAM_HEAD + text_event("hello"))
    exchange.cut()


async def test_the_name_and_the_context_are_those_of_the_engine(start) -> None:
    backend, _ = await start(whole)
    assert backend.model_card.name == "canned"
    assert backend.model_card.context_length == 4096


async def test_a_stream_has_the_text_and_the_engines_usage(start, make_request) -> None:
    backend, (engine,) = await start(whole)
    deltas = await collect(backend, make_request())
    assert text_of(deltas) == "hello there"
    assert deltas[0].usage.is_estimate
    assert deltas[-1] == Delta(finish_reason="stop", usage=Usage(7, 2))
    assert engine.exchanges[0].headers["authorization"] == f"Bearer key-{SECRET}"
    assert engine.exchanges[0].body["model"] == "canned"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([text_event("hello"), ENDING, USAGE], id="no [DONE]"),
        pytest.param([text_event("hello"), ENDING, USAGE.rstrip()], id="no last blank line"),
        pytest.param([b": ping\n\n", text_event("hello"), b":\n", ENDING, USAGE, DONE], id="comments"),
        pytest.param(
            [piece.replace(b"\n", b"\r\n") for piece in (text_event("hello"), ENDING, USAGE, DONE)],
            id="carriage returns",
        ),
        pytest.param([b"id: 1\nretry: 5\nnonsense\n" + text_event("hello"), ENDING, USAGE], id="fields"),
        pytest.param([b"\xef\xbb\xbf" + text_event("hello"), ENDING, USAGE, DONE], id="byte order mark"),
        pytest.param([text_event("hello"), USAGE, DONE], id="no reason to end"),
        pytest.param([text_event("hello"), ENDING.replace(b"{}", b'{"x": NaN}'), USAGE, DONE], id="NaN"),
        pytest.param(
            [piece.replace(b"\n\n", b"\n") for piece in (text_event("hello"), ENDING, USAGE, DONE)],
            id="no blank lines",
        ),
        pytest.param([text_event("hello"), b": \xff\n", ENDING, USAGE, DONE], id="not UTF-8"),
    ],
)
async def test_streams_of_all_kinds_are_read(start, make_request, pieces: list[bytes]) -> None:
    backend, _ = await start(sends(STREAM_HEAD, *pieces))
    deltas = await collect(backend, make_request())
    assert text_of(deltas) == "hello"
    assert deltas[-1].usage == Usage(7, 2)


def thought_event(thought: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"reasoning_content": thought}}]})


async def test_only_the_first_text_does_not_wait_for_what_has_arrived_with_it(start, make_request) -> None:
    words = [text_event(word) for word in ("one", " two", " three", " four")]
    backend, _ = await start(sends(STREAM_HEAD + b"".join([*words, ENDING, DONE])))
    _, *texts, last = await collect(backend, make_request())
    assert [each.text for each in texts] == ["one", " two three four"]
    assert [each.usage.completion_tokens for each in (*texts, last)] == [1, 4, 4]


async def test_thoughts_after_text_are_a_piece_of_their_own(start, make_request) -> None:
    pieces = [text_event("one"), text_event(" two"), thought_event("h"), thought_event("m"), text_event("!")]
    backend, _ = await start(sends(STREAM_HEAD + b"".join([*pieces, text_event("?"), ENDING, DONE])))
    _, *found, _ = await collect(backend, make_request())
    assert [(each.reasoning, each.text) for each in found] == [("", "one"), ("", " two"), ("hm", "!?")]


async def test_text_comes_before_the_error_that_arrived_with_it(start, make_request) -> None:
    pieces = [
        text_event("one"),
        text_event(" two"),
        text_event(" three"),
        event({"error": {"message": "no"}}),
    ]
    backend, _ = await start(sends(STREAM_HEAD + b"".join(pieces)))
    deltas = backend.generate(make_request())
    assert text_of([await anext(deltas) for _ in range(3)]) == "one two three"
    with pytest.raises(GenerationFailed):
        await anext(deltas)


WHOLE = {
    "choices": [{"index": 0, "message": {"content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2},
}
COMPRESSED = gzip.compress(text_event("hello") + ENDING + USAGE + DONE)


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(sends(response(200, WHOLE)), id="not streamed"),
        pytest.param(
            sends(
                STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nX-Policy: " + b"x" * 30_000 + b"\r\n\r\n"),
                text_event("hello") + ENDING + USAGE,
            ),
            id="a long header",
        ),
        pytest.param(
            sends(STREAM_HEAD.replace(b"Connection", b"Content-Encoding: gzip\r\nConnection"), COMPRESSED),
            id="compressed",
        ),
    ],
)
async def test_responses_that_were_not_wanted_so_are_read(start, make_request, behave) -> None:
    backend, _ = await start(behave)
    deltas = await collect(backend, make_request())
    assert text_of(deltas) == "hello"
    assert deltas[-1] == Delta(finish_reason="stop", usage=Usage(7, 2))


async def test_half_characters_become_replacement_characters(start, make_request) -> None:
    halves = [text_event("x").replace(b'"x"', b'"\\ud83d"'), text_event("x").replace(b"x", b"\xff")]
    backend, _ = await start(sends(STREAM_HEAD, *halves, ENDING, USAGE))
    assert text_of(await collect(backend, make_request())) == "\ufffd\ufffd"


async def test_without_usage_it_is_estimated_and_marked(start, make_request) -> None:
    backend, _ = await start(sends(STREAM_HEAD, text_event("hello"), text_event(" there"), ENDING, DONE))
    usage = (await collect(backend, make_request()))[-1].usage
    assert usage.is_estimate
    assert usage.completion_tokens == 2
    assert usage.prompt_tokens > 0


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(cut_in_the_stream, id="a connection that is cut"),
        pytest.param(sends(STREAM_HEAD, text_event("hello")), id="half a stream"),
        pytest.param(sends(STREAM_HEAD, text_event("hello"), b"data: {nonsense\n\n"), id="not JSON"),
        pytest.param(sends(STREAM_HEAD, text_event("hello"), b"data: [1]\n\n"), id="not an object"),
        pytest.param(
            sends(STREAM_HEAD, text_event("hello"), event({"error": {"message": SECRET}})), id="an error"
        ),
        pytest.param(
            sends(STREAM_HEAD, text_event("hello"), b"data: " + b"x" * (2 << 20)), id="a long event"
        ),
    ],
)
async def test_a_stream_that_breaks_fails_and_is_not_repeated(start, make_request, behave) -> None:
    backend, engines = await start(behave, behave)
    deltas = backend.generate(make_request())
    assert [(await anext(deltas)).text, (await anext(deltas)).text] == ["", "hello"]
    with pytest.raises(GenerationFailed) as caught:
        await anext(deltas)
    assert SECRET not in str(caught.value)
    assert sum(len(engine.exchanges) for engine in engines) == 1
    assert backend.status().running == backend.status().waiting == 0


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(cut_before_the_head, id="a connection that is cut"),
        pytest.param(sends(STREAM_HEAD), id="an empty stream"),
        pytest.param(sends(STREAM_HEAD, b"data: {nonsense\n\n"), id="garbage"),
        pytest.param(sends(b"nonsense\r\n\r\n"), id="no HTTP"),
        pytest.param(sends(response(500, {"error": {"message": SECRET}})), id="500"),
        pytest.param(sends(response(429, {}, Retry_After="3")), id="429"),
        pytest.param(sends(response(503, {})), id="503"),
        pytest.param(sends(response(401, {})), id="401"),
        pytest.param(sends(response(402, {})), id="402"),
        pytest.param(sends(response(529, {})), id="529"),
        pytest.param(sends(response(400, [{"error": {"message": "API key not valid."}}])), id="a wrong key"),
        pytest.param(sends(response(400, {"error": {"message": "Model Not Exist"}})), id="no such model"),
        pytest.param(sends(response(200, {"error": {"message": SECRET}})), id="an error with 200"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>"), id="a page"),
        pytest.param(sends(STREAM_HEAD, event({"object": "error", "message": SECRET})), id="a bare error"),
        pytest.param(sends(response(302, {}, Location="http://127.0.0.1:1/")), id="a redirect"),
    ],
)
async def test_before_the_first_event_another_engine_takes_over(start, make_request, behave) -> None:
    backend, engines = await start(behave, whole)
    for _ in range(2):  # one of them begins with the engine that fails
        assert text_of(await collect(backend, make_request())) == "hello there"
    assert len(engines[0].exchanges) == 1
    assert backend.status().running == backend.status().waiting == 0


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (sends(response(500, {"error": {"message": SECRET}})), GenerationFailed),
        (sends(response(401, {"error": {"message": SECRET}})), GenerationFailed),
        (sends(response(503, {"error": {"message": SECRET}})), QueueFull),
        (sends(response(422, {"error": {"message": SECRET}})), RequestRefused),
        (sends(response(413, {"error": {"message": SECRET}})), RequestRefused),
        (
            sends(
                response(400, {"message": f"temperature must be less, not {SECRET}", "param": "temperature"})
            ),
            InvalidParameter,
        ),
        (
            sends(
                response(
                    422, {"detail": [{"loc": ["body", "x"], "msg": "no", "input": f"long prompt {SECRET}"}]}
                )
            ),
            RequestRefused,
        ),
        (
            sends(response(400, {"error": {"message": f"maximum context length is 9 {SECRET}"}})),
            PromptTooLong,
        ),
        (cut_before_the_head, BackendUnavailable),
    ],
)
async def test_what_an_engine_says_is_not_shown(start, make_request, behave, error) -> None:
    backend, _ = await start(behave)
    with pytest.raises(error) as caught:
        await collect(backend, make_request())
    assert isinstance(caught.value, InferenceError)
    assert SECRET not in repr(caught.value)
    assert SECRET not in repr(backend.status())
    assert SECRET not in repr(RemoteEndpoint("http://engine", f"key-{SECRET}"))


@pytest.mark.parametrize(("status", "text", "seconds"), [(429, "7", 7), (503, "2.5", 3), (503, "soon", None)])
async def test_an_overloaded_engine_says_when_to_try_again(
    start, make_request, status, text, seconds
) -> None:
    backend, _ = await start(sends(response(status, {}, Retry_After=text)))
    with pytest.raises(QueueFull) as caught:
        await collect(backend, make_request())
    assert caught.value.retry_after_seconds == seconds


async def test_an_idle_connection_that_was_closed_is_no_failure(start, make_request, caplog) -> None:
    """A lost request is repeated once at the only engine."""
    caplog.set_level("INFO", "inference.backends.remote")
    backend, (engine,) = await start(cut_before_the_head)

    async def recover(exchange: Exchange) -> None:
        engine.behave = whole
        exchange.cut()

    engine.behave = recover
    assert text_of(await collect(backend, make_request())) == "hello there"
    (worker,) = backend.status().workers
    assert (worker.served, worker.failed) == (1, 0)
    assert "fails at" not in caplog.text


@pytest.mark.parametrize("end", [None, sends(response(500, {})), hang])
async def test_a_lost_connection_is_a_failure_if_the_engine_does_not_take_the_request_then(
    start, make_request, caplog, end: Behaviour | None
) -> None:
    caplog.set_level("INFO", "inference.backends.remote")
    backend, (engine,) = await start(cut_before_the_head)

    async def cut_and_end(exchange: Exchange) -> None:
        engine.behave = end or engine.behave
        exchange.cut()

    engine.behave = cut_and_end
    deadline = time.monotonic() + (0.5 if end is hang else 60)
    with suppress(BackendUnavailable, EngineFailed):
        await collect(backend, make_request(deadline=deadline))
    assert [each.failed for each in backend.status().workers] == [2]
    assert caplog.text.count("fails at") == (1 if end is hang else 2)


async def test_a_lost_connection_is_a_failure_if_another_engine_takes_the_request(
    start, make_request
) -> None:
    backend, _ = await start(cut_before_the_head, whole)
    for _ in range(2):  # one of them begins with the engine that fails
        await collect(backend, make_request())
    assert [(each.served, each.failed) for each in backend.status().workers] == [(0, 1), (2, 0)]


async def test_a_lost_connection_is_no_failure_where_the_other_engine_has_failed(start, make_request) -> None:
    backend, engines = await start(sends(response(500, {})), cut_before_the_head)

    async def recover(exchange: Exchange) -> None:
        engines[1].behave = whole
        exchange.cut()

    for _ in range(2):  # one of them begins with the engine that fails
        engines[1].behave = recover
        assert text_of(await collect(backend, make_request())) == "hello there"
    assert [len(engine.exchanges) for engine in engines] == [2, 4]


async def test_a_tool_that_must_be_called_is_offered_alone(start, make_request) -> None:
    backend, (engine,) = await start(whole)
    tools = (ToolDefinition("look"), ToolDefinition("tap"))
    await collect(backend, make_request(tools=tools, tool_choice=NamedTool("tap")))
    await collect(backend, make_request(tools=tools, tool_choice="required"))
    sent = [
        ([tool["function"]["name"] for tool in each.body["tools"]], each.body["tool_choice"])
        for each in engine.exchanges
    ]
    assert sent == [(["tap"], "required"), (["look", "tap"], "required")]
    assert [each.body.get("parallel_tool_calls") for each in engine.exchanges] == [False, None], "one call"


async def test_log_probabilities_without_alternatives_are_asked_with_one(start, make_request) -> None:
    """llama.cpp makes none at all for `top_logprobs` of 0."""
    token = {"token": "hello", "logprob": -0.5, "top_logprobs": [{"token": "hello", "logprob": -0.5}]}
    chunk = {"choices": [{"delta": {"content": "hello"}, "logprobs": {"content": [token]}}]}
    backend, (engine,) = await start(sends(STREAM_HEAD, event(chunk), ENDING, USAGE, DONE))
    deltas = await collect(backend, make_request(logprobs=0))
    assert engine.exchanges[0].body["top_logprobs"] == 1
    assert [each.logprobs for each in deltas if each.text] == [(TokenLogprob("hello", b"hello", -0.5),)]


async def test_closing_the_stream_closes_the_engines(start, make_request) -> None:
    backend, (engine,) = await start(begin_and_hang)
    deltas = backend.generate(make_request())
    await anext(deltas)
    assert (await anext(deltas)).text == "hello"
    await deltas.aclose()
    async with asyncio.timeout(SECONDS):
        await engine.exchanges[0].is_left.wait()


@pytest.mark.parametrize("behave", [hang, begin_and_hang])
async def test_a_deadline_ends_the_engines_stream(start, make_request, behave) -> None:
    backend, (engine,) = await start(behave)
    deltas = await collect(backend, make_request(deadline=time.monotonic() + 0.2))
    assert deltas[0].usage is not None
    assert deltas[-1].finish_reason == "deadline"
    async with asyncio.timeout(SECONDS):
        await engine.exchanges[0].is_left.wait()


async def test_there_is_no_other_attempt_after_the_deadline(start, make_request) -> None:
    async def fail_late(exchange: Exchange) -> None:
        await exchange.is_left.wait()
        exchange.cut()

    backend, engines = await start(fail_late, fail_late)
    deltas = await collect(backend, make_request(deadline=time.monotonic() + 0.2))
    assert deltas[-1].finish_reason == "deadline"
    assert sum(len(engine.exchanges) for engine in engines) == 1


async def test_an_engine_that_let_the_time_of_a_request_pass_is_chosen_last(start, make_request) -> None:
    backend, engines = await start(hang, hang)
    await collect(backend, make_request(deadline=time.monotonic() + 0.1))
    silent, other = sorted(engines, key=lambda engine: -len(engine.exchanges))
    other.behave = whole
    for _ in range(3):
        assert text_of(await collect(backend, make_request())) == "hello there"
    assert (len(silent.exchanges), len(other.exchanges)) == (1, 3)


async def test_closing_the_backend_aborts_what_runs(start, make_request) -> None:
    backend, _ = await start(begin_and_hang)
    deltas = backend.generate(make_request())
    assert [(await anext(deltas)).text, (await anext(deltas)).text] == ["", "hello"]
    last = asyncio.create_task(anext(deltas))
    await asyncio.sleep(0)
    await asyncio.gather(backend.aclose(0), last)
    assert last.result().finish_reason == "aborted"


async def test_requests_go_to_the_engine_with_the_fewest(start, make_request) -> None:
    backend, engines = await start(begin_and_hang, begin_and_hang)
    streams = [backend.generate(make_request()) for _ in range(4)]
    for stream in streams:
        await anext(stream)
    assert [len(engine.exchanges) for engine in engines] == [2, 2]
    for stream in streams:
        await stream.aclose()


async def test_a_dead_engine_is_left_alone_and_comes_back(start, make_request) -> None:
    backend, (engine,) = await start(whole, health_seconds=0.01)
    engine.health = 503
    async with asyncio.timeout(SECONDS):
        while backend.status().is_ready:
            await engine.checks.get()
    with pytest.raises(BackendUnavailable):
        await collect(backend, make_request())
    assert not engine.exchanges
    engine.health = 200
    async with asyncio.timeout(SECONDS):
        while not backend.status().is_ready:
            await engine.checks.get()
    assert text_of(await collect(backend, make_request())) == "hello there"


async def test_an_engine_that_is_down_does_not_prevent_the_start(make_request) -> None:
    backend = RemoteBackend(RemoteConfig((RemoteEndpoint("http://127.0.0.1:9"),)))
    await backend.start()
    assert not backend.status().is_ready
    with pytest.raises(BackendUnavailable):
        await collect(backend, make_request())
    await backend.aclose(0)


@pytest.mark.parametrize(
    ("fields", "ability", "error"),
    [
        ({"tools": (ToolDefinition("look"),)}, "tools", UnsupportedParameter),
        ({"logprobs": 2}, "logprobs", UnsupportedParameter),
        ({"top_k": 5}, "top_k", UnsupportedParameter),
        ({"output_format": ActionOutput()}, "actions", UnsupportedParameter),
        (
            {"messages": (Message("user", (Image(np.zeros((2, 2, 3), np.uint8)),)),)},
            "images",
            UnsupportedModality,
        ),
    ],
)
async def test_what_the_engine_does_not_take_is_refused_by_name(
    start, make_request, fields, ability, error
) -> None:
    backend, (engine,) = await start(whole, abilities=frozenset())
    with pytest.raises(error):
        await collect(backend, make_request(**fields))
    assert not engine.exchanges
    able, _ = await start(whole, abilities=frozenset({ability}))
    assert text_of(await collect(able, make_request(**fields))) == "hello there"


async def test_an_engine_that_refuses_log_probabilities_is_understood(start, make_request) -> None:
    refusal = response(400, {"error": {"message": "logprobs is not supported with stream"}})
    backend, _ = await start(sends(refusal))
    with pytest.raises(UnsupportedParameter) as caught:
        await collect(backend, make_request(logprobs=1))
    assert caught.value.field == "logprobs"


@pytest.mark.parametrize(
    "refusals",
    [
        pytest.param(
            [
                {"error": {"message": "Unrecognized request argument supplied: chat_template_kwargs"}},
                {
                    "error": {
                        "message": "Unknown parameter: 'include_reasoning'.",
                        "param": "include_reasoning",
                    }
                },
                {"error": {"message": "Unknown parameter: 'top_k'.", "param": "top_k"}},
                {"error": {"message": "Use 'max_completion_tokens' instead.", "param": "max_tokens"}},
            ],
            id="OpenAI",
        ),
        pytest.param(
            [
                {
                    "detail": [
                        {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs"}
                        for name in ("chat_template_kwargs", "include_reasoning", "top_k")
                    ]
                },
                {"detail": "max_tokens is not known; use max_completion_tokens"},
            ],
            id="FastAPI",
        ),
    ],
)
async def test_members_that_an_engine_does_not_know_are_left_out(start, make_request, refusals) -> None:
    async def behave(exchange: Exchange) -> None:
        if refusals:
            await exchange.send(response(400, refusals.pop(0)))
        else:
            await whole(exchange)

    attempts = len(refusals) + 1
    backend, (engine,) = await start(behave)
    for _ in range(2):
        assert text_of(await collect(backend, make_request(max_tokens=20))) == "hello there"
    assert len(engine.exchanges) == attempts + 1, "it is remembered"
    body = engine.exchanges[-1].body
    assert body["max_completion_tokens"] == 20
    assert not body.keys() & {"chat_template_kwargs", "include_reasoning", "top_k", "max_tokens"}


async def test_a_schema_is_as_strict_as_the_caller_says_and_no_tool_is_without_one(
    start, make_request
) -> None:
    backend, (engine,) = await start(whole)
    for strict in (True, False):
        await collect(backend, make_request(output_format=JsonSchemaOutput({"type": "object"}, strict)))
        assert engine.exchanges[-1].body["response_format"]["json_schema"]["strict"] is strict
    await collect(backend, make_request(tools=TOOLS))
    (tool,) = engine.exchanges[-1].body["tools"]
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


TOOLS = (ToolDefinition("look"),)
PICTURE = (Message("user", (Image(np.zeros((4, 4, 3), np.uint8)), Text("what?"))),)


@pytest.mark.parametrize(
    ("message", "sent", "error", "field"),
    [
        (
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            {"tools": TOOLS},
            InvalidParameter,
            "tools",
        ),
        (
            "registry.ollama.ai/library/x does not support tools",
            {"tools": TOOLS},
            UnsupportedParameter,
            "tools",
        ),
        (
            "failed to parse grammar",
            {"output_format": JsonSchemaOutput({"type": "object"})},
            InvalidParameter,
            "response_format",
        ),
        (
            "At most 1 image(s) may be provided in one request.",
            {"messages": PICTURE},
            InvalidParameter,
            "messages",
        ),
        ("top_k should be greater than 0, or -1", {"top_k": 5}, UnsupportedParameter, "top_k"),
    ],
)
async def test_what_an_engine_refuses_has_the_name_of_the_field(
    start, make_request, message: str, sent: dict[str, object], error: type[Exception], field: str
) -> None:
    backend, _ = await start(sends(response(400, {"error": {"message": message}})))
    with pytest.raises(error) as caught:
        await collect(backend, make_request(**sent))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (
            {"error": "`inputs` tokens must be <= 4096. Given: 5000", "error_type": "validation"},
            PromptTooLong,
        ),
        ({"error": "Input validation error", "error_type": "validation"}, RequestRefused),
        ({"error": "Model is overloaded", "error_type": "overloaded"}, QueueFull),
        ({"error": {"type": "rate_limit_error", "message": "slow down"}}, QueueFull),
        ({"error": {"code": "429", "message": "slow down"}}, QueueFull),
        ({"error": {"type": "BadRequestError", "message": "no"}}, RequestRefused),
        ({"error": "Request failed", "error_type": "generation"}, EngineFailed),
    ],
)
async def test_an_error_in_the_first_event_is_that_of_its_kind(start, make_request, value, error) -> None:
    backend, _ = await start(sends(STREAM_HEAD, event(value), DONE))
    with pytest.raises(error):
        await collect(backend, make_request())


async def test_an_engine_chooses_the_temperature_that_nobody_requested(start, make_request) -> None:
    async def behave(exchange: Exchange) -> None:
        if exchange.body.get("temperature") == 0:
            message = "Unsupported value: 'temperature' does not support 0 with this model."
            await exchange.send(response(400, {"error": {"message": message, "param": "temperature"}}))
        else:
            await whole(exchange)

    backend, (engine,) = await start(behave)
    for _ in range(2):
        deltas = await collect(backend, make_request(temperature=0, has_temperature=False))
        assert text_of(deltas) == "hello there"
        assert "temperature" not in engine.exchanges[-1].body
    assert len(engine.exchanges) == 3, "it is remembered"
    with pytest.raises(UnsupportedParameter):
        await collect(backend, make_request(temperature=0))
    await collect(backend, make_request(temperature=0.5))
    assert engine.exchanges[-1].body["temperature"] == 0.5


async def test_a_member_that_was_requested_is_refused_by_name(start, make_request) -> None:
    backend, _ = await start(sends(response(400, {"error": {"message": "Unknown parameter: 'top_k'."}})))
    with pytest.raises(UnsupportedParameter) as caught:
        await collect(backend, make_request(top_k=5))
    assert caught.value.field == "top_k"


async def test_a_request_that_may_be_shortened_is_sent_again_without_a_length(start, make_request) -> None:
    backend, (engine,) = await start(whole)

    async def refuse_the_length(exchange: Exchange) -> None:
        too_long = response(400, {"error": {"code": "context_length_exceeded", "message": ""}})
        await (sends(too_long) if "max_tokens" in exchange.body else whole)(exchange)

    engine.behave = refuse_the_length
    assert text_of(await collect(backend, make_request(fits_context=True))) == "hello there"
    with pytest.raises(PromptTooLong):
        await collect(backend, make_request())


async def test_a_response_without_a_limit_leaves_room_for_a_longer_prompt(start, make_request) -> None:
    backend, (engine,) = await start(whole, context_length=1000)
    prompt = "word " * 96  # 480 bytes: 125 tokens, with those of the message
    for max_tokens, sent in ((800, 800), (10_000, 1000 - 2 * 125)):
        await collect(backend, make_request(prompt, max_tokens=max_tokens, fits_context=True))
        assert engine.exchanges[-1].body["max_tokens"] == sent


async def test_an_engine_that_reports_no_context_gets_no_limit_but_the_callers(start, make_request) -> None:
    backend, (engine,) = await start(whole)
    assumed = backend.model_card.context_length
    engine.models = (200, {"data": [{"id": "canned"}]})
    unknown = RemoteBackend(RemoteConfig((RemoteEndpoint(engine.url),)))
    await unknown.start()
    assert unknown.model_card.context_length > assumed
    long_prompt = "word " * 10_000
    for sampling, sent in (
        ({"max_tokens": 8192}, None),
        ({"max_tokens": 16_000}, 16_000),
        ({"max_tokens": 5}, 5),
    ):
        await collect(unknown, make_request(long_prompt, fits_context=True, **sampling))
        assert engine.exchanges[-1].body.get("max_tokens") == sent
    await unknown.aclose(0)


async def test_a_prompt_that_seems_too_long_is_not_cut_to_a_response_of_one_token(
    start, make_request
) -> None:
    """Four bytes are not one token in every language."""
    backend, (engine,) = await start(whole, context_length=100)
    await collect(backend, make_request("word " * 100, max_tokens=50, fits_context=True))
    assert "max_tokens" not in engine.exchanges[-1].body


async def test_more_requests_than_allowed_are_refused(start, make_request) -> None:
    backend, _ = await start(begin_and_hang, max_outstanding=1)
    running = backend.generate(make_request())
    await anext(running)
    with pytest.raises(QueueFull):
        await collect(backend, make_request())
    await running.aclose()


async def test_batch_requests_leave_places_and_are_marked_if_the_engine_takes_priorities(
    start, make_request
) -> None:
    backend, (engine,) = await start(begin_and_hang, max_outstanding=2, abilities=frozenset({"priority"}))
    running = backend.generate(make_request(priority="batch"))
    await anext(running)
    with pytest.raises(QueueFull):
        await collect(backend, make_request(priority="batch"))
    other = backend.generate(make_request())
    await anext(other)
    assert [exchange.body.get("priority") for exchange in engine.exchanges] == [1, None]
    await running.aclose()
    await other.aclose()


async def test_a_request_that_waits_knows_no_position_that_the_engine_does_not_report(
    start, make_request
) -> None:
    may_begin = asyncio.Event()

    async def begin_late(exchange: Exchange) -> None:
        if "wait" in str(exchange.body["messages"]):
            await may_begin.wait()
        await whole(exchange)

    backend, _ = await start(begin_late)
    place = QueuePlace()
    assert place.look() is None
    waiting = asyncio.create_task(collect(backend, make_request("wait", place=place)))
    while place.look() is None:  # noqa: ASYNC110 - a place has no event
        await asyncio.sleep(0)
    assert place.look() == Wait(), "nothing has ended yet"
    may_begin.set()
    await waiting
    assert place.look() is None


async def test_a_picture_travels_as_a_data_uri(start, make_request) -> None:
    backend, (engine,) = await start(whole)
    picture = Image(np.full((3, 4, 3), 200, np.uint8))
    await collect(backend, make_request(messages=(Message("user", (picture, Text("what?"))),)))
    image, text = engine.exchanges[0].body["messages"][0]["content"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": "what?"}


@pytest.mark.parametrize(("language", "said"), [("", ""), ("de", " The language is de (ISO 639).")])
async def test_a_transcription_says_the_language(start, make_request, language: str, said: str) -> None:
    backend, (engine,) = await start(whole, recordings="input_audio")
    message = Message("user", (Audio(np.zeros(1600, np.float32)),))
    await collect(backend, make_request(messages=(message,), task="transcribe", language=language))
    *_, text = engine.exchanges[0].body["messages"][0]["content"]
    assert text["text"] == f"Transcribe the recording. Return only what is said.{said}"


async def test_own_headers_and_the_query_are_in_every_request(make_request) -> None:
    """As Azure wants them, whose addresses name a deployment and no version."""
    headers = {"api-key": f"key-{SECRET}", "X-Routing": "a b"}
    async with engine_server() as engine:
        url = f"{engine.url}/openai/deployments/d/chat/completions"
        query = "api-version=2024-10-21&sig=a%26b"
        backend = RemoteBackend(RemoteConfig((RemoteEndpoint(url, headers=headers, query=query),)))
        await backend.start()
        deltas = await collect(backend, make_request())
        await backend.aclose(0)
    assert text_of(deltas) == "hello there"
    assert [address for address, _ in engine.received] == [
        f"/openai/deployments/d/{path}?{query}" for path in ("health", "models", "chat/completions")
    ]
    for _, received in engine.received:
        assert (received["api-key"], received["x-routing"]) == (f"key-{SECRET}", "a b")
        assert "authorization" not in received
    assert SECRET not in repr(backend.status()) + repr(backend._config)


@pytest.mark.parametrize(
    ("text", "config", "warnings"),
    [
        ("I see.</think>Hello", {}, 1),
        ("I see.</think>Hello", {"starts_in_thought": True}, 0),
        ("<think>I see.</think>Hello</think>", {}, 0),
        ("Hello", {}, 0),
    ],
)
async def test_thoughts_that_are_sent_as_text_are_logged_once(
    start, make_request, caplog, text: str, config: dict[str, Any], warnings: int
) -> None:
    backend, _ = await start(sends(STREAM_HEAD, text_event(text), ENDING, DONE), **config)
    for _ in range(2):
        await collect(backend, make_request())
    assert caplog.text.count("`starts_in_thought`") == warnings
    assert "I see" not in caplog.text


ALWAYS_THINKS = {"starts_in_thought": True, "abilities": frozenset({"typed_output"})}
HAS_A_SWITCH = {"starts_in_thought": True, "abilities": frozenset({"thinking", "typed_output"})}
BOTH, ALL_TEXT = ("I see.", "Hello"), ("", "I see.Hello")


@pytest.mark.parametrize(
    ("config", "request_fields", "expected"),
    [
        (ALWAYS_THINKS, {}, BOTH),
        (HAS_A_SWITCH, {"enable_thinking": True}, BOTH),
        (HAS_A_SWITCH, {}, ALL_TEXT),
        (ALWAYS_THINKS, {"output_format": JsonObjectOutput()}, ALL_TEXT),
        (ALWAYS_THINKS, {"keep_tags": True}, ("<think>I see.</think>", "\n\nHello")),
        ({}, {}, ALL_TEXT),
    ],
)
async def test_responses_may_begin_inside_a_thought(
    start, make_request, config: dict[str, Any], request_fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    pieces = map(text_event, ("I see.", "</th", "ink>\n\n", "Hello"))
    backend, _ = await start(sends(STREAM_HEAD, *pieces, ENDING, DONE), **config)
    deltas = await collect(backend, make_request(**request_fields))
    assert ("".join(delta.reasoning for delta in deltas), text_of(deltas)) == expected
