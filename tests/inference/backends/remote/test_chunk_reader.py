"""Chunks of engines as deltas: thoughts in all spellings, tool calls, log probabilities, and nonsense."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.backends.remote.chunk_reader import LEAST_LOGPROB, MAX_SILENT_CHUNKS, ChunkReader
from inference.errors import GenerationFailed
from inference.types import (
    Delta,
    GenerationRequest,
    NamedTool,
    SamplingParams,
    TokenLogprob,
    ToolDefinition,
    Usage,
)


def reader_of(**fields: Any) -> ChunkReader:
    request = GenerationRequest(
        "r", (), **({"tools": (ToolDefinition("look"), ToolDefinition("tap"))} | fields)
    )
    return ChunkReader(request, prompt_tokens=3)


def chunk(reason: str | None = None, logprobs: object = None, **delta: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}]}


def read_all(reader: ChunkReader, *chunks: dict[str, Any]) -> list[Delta]:
    deltas = [delta for each in chunks if (delta := reader.read(each)) is not None]
    return [*deltas, reader.end(is_done=False)]


def joined(deltas: list[Delta]) -> tuple[str, str]:
    return "".join(each.reasoning for each in deltas), "".join(each.text for each in deltas)


THOUGHTS = {
    "reasoning_content": [{"reasoning_content": "hm"}, {"reasoning_content": "m"}, {"content": "yes"}],
    "reasoning": [{"reasoning": "hm"}, {"reasoning": "m", "content": None}, {"content": "yes"}],
    "tags": [{"content": "<thi"}, {"content": "nk>hmm</think"}, {"content": "><answer>yes</answer>"}],
}


@pytest.mark.parametrize("spelling", THOUGHTS)
def test_thoughts_are_read_in_every_spelling(spelling: str) -> None:
    deltas = read_all(reader_of(), *(chunk(**each) for each in THOUGHTS[spelling]), chunk("stop"))
    assert joined(deltas) == ("hmm", "yes")


@pytest.mark.parametrize("spelling", ["reasoning_content", "reasoning"])
def test_thoughts_get_tags_where_these_are_kept(spelling: str) -> None:
    pieces = [chunk(**each) for each in THOUGHTS[spelling]]
    assert joined(read_all(reader_of(keep_tags=True), *pieces, chunk("stop"))) == (
        "<think>hmm</think>",
        "yes",
    )
    only_thoughts = read_all(reader_of(keep_tags=True), *pieces[:2], chunk("length"))
    assert joined(only_thoughts) == ("<think>hmm</think>", "")


def test_tool_calls_have_an_id_and_a_name_first() -> None:
    pieces = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a": '}},
        {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": "1}"}},
        {"index": 1, "function": {"name": "tap", "arguments": "{}"}},
    ]
    deltas = read_all(reader_of(), *(chunk(tool_calls=[each]) for each in pieces), chunk("stop"))
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert [(call.index, call.id, call.name) for call in calls] == [
        (0, "call_1", "look"),
        (0, "", ""),
        (0, "", ""),
        (1, "call_r_1", "tap"),
    ]
    assert "".join(call.arguments for call in calls if call.index == 0) == '{"a": 1}'
    assert deltas[-1].finish_reason == "tool_calls"


def piece(index: object, call_id: object, name: object, arguments: object) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


TWO_CALLS: dict[str, list[dict[str, Any]]] = {
    "no index": [
        {"tool_calls": [piece(None, "a", "look", "{}")]},
        {"tool_calls": [piece(None, "b", "tap", "[1]")]},
    ],
    "no index in one chunk": [
        {"tool_calls": [piece(None, "a", "look", "{}"), piece(None, "b", "tap", "[1]")]}
    ],
    "always the same index": [
        {"tool_calls": [piece(0, "a", "look", "{}")]},
        {"tool_calls": [piece(0, "b", "tap", "[1]")]},
    ],
    "no index in pieces": [
        {"tool_calls": [piece(None, "a", "look", "")]},
        {"tool_calls": [piece(None, None, None, "{}")]},
        {"tool_calls": [piece(None, "b", "tap", "[")]},
        {"tool_calls": [piece(None, "b", "tap", "1]")]},
    ],
    "counted from one": [
        {"tool_calls": [piece(1, "a", "look", "{}")]},
        {"tool_calls": [piece(2, "b", "tap", "[1]")]},
    ],
    "mixed pieces": [
        {"tool_calls": [piece(0, "a", "look", "{"), piece(1, "b", "tap", "[")]},
        {"tool_calls": [piece(1, None, None, "1]"), piece(0, None, None, "}")]},
    ],
    "an index that is text": [{"tool_calls": [piece("0", "a", "look", "{}"), piece("1", "b", "tap", "[1]")]}],
    "arguments that are no text": [
        {"tool_calls": [piece(0, "a", "look", {})]},
        {"tool_calls": [piece(1, "b", "tap", "["), piece(1, "b", "tap", "1]")]},
    ],
}


@pytest.mark.parametrize("form", TWO_CALLS)
def test_tool_calls_are_told_apart_in_every_form(form: str) -> None:
    deltas = read_all(reader_of(), *(chunk(**each) for each in TWO_CALLS[form]), chunk("tool_calls"))
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert [(call.index, call.id, call.name) for call in calls if call.name] == [
        (0, "a", "look"),
        (1, "b", "tap"),
    ]
    assert ["".join(call.arguments for call in calls if call.index == index) for index in (0, 1)] == [
        "{}",
        "[1]",
    ]


def test_calls_of_tools_that_were_not_offered_are_dropped() -> None:
    pieces = chunk(content="yes", tool_calls=[piece(0, "a", "look", "{}")]), chunk("tool_calls")
    deltas = read_all(reader_of(tools=()), *pieces)
    assert joined(deltas) == ("", "yes")
    assert not any(delta.tool_calls for delta in deltas)
    assert deltas[-1].finish_reason == "stop"


def test_a_call_without_arguments_has_an_empty_object() -> None:
    pieces = [piece(0, "a", "look", ""), piece(1, "b", "tap", None)]
    deltas = read_all(reader_of(), chunk(tool_calls=pieces), chunk("tool_calls"))
    assert [(call.index, call.arguments) for call in deltas[-1].tool_calls] == [(0, "{}"), (1, "{}")]
    assert read_all(reader_of(), chunk(tool_calls=pieces), chunk("length"))[-1].tool_calls == ()


@pytest.mark.parametrize("index", [None, 0])
def test_tool_calls_without_ids_are_told_apart(index: int | None) -> None:
    calls = [
        piece(index, None, "look", "{}"),
        piece(index, "", "look", '{"a":1}'),
        piece(index, "", "tap", "{}"),
    ]
    deltas = read_all(reader_of(), *(chunk(tool_calls=[each]) for each in calls), chunk("stop"))
    read = [call for delta in deltas for call in delta.tool_calls]
    assert [(call.id, call.name, call.arguments) for call in read] == [
        ("call_r_0", "look", "{}"),
        ("call_r_1", "look", '{"a":1}'),
        ("call_r_2", "tap", "{}"),
    ]


def test_the_older_form_of_a_call_is_read() -> None:
    functions = [{"name": "look", "arguments": ""}, {"arguments": "{}"}]
    deltas = read_all(reader_of(), *(chunk(function_call=each) for each in functions), chunk("function_call"))
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert [(call.index, call.name, call.arguments) for call in calls] == [(0, "look", ""), (0, "", "{}")]
    assert deltas[-1].finish_reason == "tool_calls"


def test_text_in_other_members_is_not_lost() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [[thought], [{"type": "text", "text": "y"}, {"type": "text", "text": "es"}]]
    assert joined(read_all(reader_of(), *(chunk(content=each) for each in parts), chunk("stop"))) == (
        "hm",
        "yes",
    )
    assert joined(read_all(reader_of(), chunk(content=None, refusal="no"), chunk("stop"))) == ("", "no")
    message = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    assert joined(read_all(reader_of(), message)) == ("", "yes")
    assert joined(read_all(reader_of(), chunk(content="yes"), message)) == ("", "yes"), "not twice"


@pytest.mark.parametrize("fields", [{"parallel_tool_calls": False}, {"tool_choice": NamedTool("look")}])
def test_a_second_call_is_dropped_where_only_one_is_allowed(fields: dict[str, Any]) -> None:
    calls = [{"index": index, "function": {"name": "look", "arguments": "{}"}} for index in range(3)]
    deltas = read_all(reader_of(**fields), chunk(tool_calls=calls), chunk("tool_calls"))
    assert [call.index for delta in deltas for call in delta.tool_calls] == [0]


def test_log_probabilities_are_those_that_were_requested() -> None:
    top = [
        {"token": "ja", "logprob": -0.5, "bytes": None},
        {"token": "no", "logprob": -2, "bytes": [110, 111]},
    ]
    content = [{"token": "ja", "logprob": -0.5, "bytes": [106, 97], "top_logprobs": top}]
    pieces = chunk(content="ja", logprobs={"content": content}), chunk("stop")
    deltas = read_all(reader_of(sampling_params=SamplingParams(logprobs=1)), *pieces)
    assert deltas[0].logprobs == (TokenLogprob("ja", b"ja", -0.5, (TokenLogprob("ja", b"ja", -0.5),)),)
    assert read_all(reader_of(), *pieces)[0].logprobs == ()


def test_usage_is_an_estimate_until_the_engine_reports_it() -> None:
    reader = reader_of()
    reader.read(chunk(content="one"))
    assert reader.usage == Usage(3, 1, is_estimate=True)
    usage = {
        "prompt_tokens": 8,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert reader.read(chunk("stop") | {"usage": usage}) is None
    assert reader.end(is_done=False).usage == Usage(8, 5, 1, 2)


def test_usage_before_the_end_is_not_the_last_one() -> None:
    reader = reader_of()
    reader.read(chunk(content="") | {"usage": {"prompt_tokens": 8, "completion_tokens": 0}})
    reader.read(chunk(content="one"))
    reader.read(chunk("stop"))
    assert (reader.usage, reader.has_final_usage) == (Usage(8, 1, is_estimate=True), False)
    reader.read({"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}})
    assert not reader.has_final_usage, "a text has tokens"
    reader.read({"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 2}})
    assert (reader.usage, reader.has_final_usage) == (Usage(8, 2), True)


def test_log_probabilities_are_numbers() -> None:
    content = [{"token": "a", "logprob": value} for value in (None, float("-inf"), float("nan"))]
    reader = reader_of(sampling_params=SamplingParams(logprobs=0))
    (delta, _) = read_all(reader, chunk("stop", content="aaa", logprobs={"content": content}))
    assert [each.logprob for each in delta.logprobs] == [LEAST_LOGPROB] * 3


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "stop"),
        ("eos_token", "stop"),
        ("SAFETY", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("abort", "aborted"),
        ("error", "error"),
    ],
)
def test_reasons_to_end_are_ours(reason: str, expected: str) -> None:
    assert read_all(reader_of(), chunk(reason))[-1].finish_reason == expected


@pytest.mark.parametrize("reason", ["", "null"])
def test_a_reason_that_says_nothing_is_none(reason: str) -> None:
    reader = reader_of()
    reader.read(chunk(reason, content="one"))
    assert reader.finish_reason is None


def test_a_stream_without_a_reason_to_end_was_cut_off() -> None:
    with pytest.raises(GenerationFailed):
        read_all(reader_of(), chunk(content="one"))


def test_a_text_ends_where_the_engine_says_that_nothing_follows() -> None:
    reader = reader_of()
    with pytest.raises(GenerationFailed):
        reader.end(is_done=True)
    reader.read(chunk(content="one"))
    assert reader.end(is_done=True).finish_reason == "stop"


def test_events_without_text_are_bounded() -> None:
    reader = reader_of()
    for _ in range(MAX_SILENT_CHUNKS):
        assert reader.read(chunk(content="")) is None
    with pytest.raises(GenerationFailed):
        reader.read({"choices": []})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("content", "reasoning", "reasoning_content", "refusal", "tool_calls", "function_call", "role")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "choices": JSON
            | st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "delta": JSON
                        | st.dictionaries(
                            st.sampled_from(NAMES),
                            JSON
                            | st.lists(
                                st.dictionaries(
                                    st.sampled_from(("index", "id", "function")), JSON, max_size=3
                                ),
                                max_size=2,
                            ),
                        ),
                        "finish_reason": JSON,
                        "logprobs": JSON | st.fixed_dictionaries({"content": JSON}),
                    },
                ),
                max_size=2,
            ),
            "usage": JSON | st.dictionaries(st.sampled_from(("prompt_tokens", "completion_tokens")), JSON),
        },
    )
)
def test_any_chunk_is_read_or_fails_cleanly(value: dict[str, Any]) -> None:
    reader = reader_of(sampling_params=SamplingParams(logprobs=1))
    try:
        delta = reader.read(value)
    except GenerationFailed:
        return
    assert delta is None or delta.has_output
