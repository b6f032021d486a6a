"""Chunks of engines as deltas: thoughts in all spellings, tool calls, log probabilities, and nonsense."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.backends.remote.chunk_reader import MAX_SILENT_CHUNKS, ChunkReader
from inference.errors import GenerationFailed
from inference.types import Delta, GenerationRequest, SamplingParams, TokenLogprob, Usage


def reader_of(**fields: Any) -> ChunkReader:
    return ChunkReader(GenerationRequest("r", (), **fields), prompt_tokens=3)


def chunk(reason: str | None = None, logprobs: object = None, **delta: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}]}


def read_all(reader: ChunkReader, *chunks: dict[str, Any]) -> list[Delta]:
    deltas = [delta for each in chunks if (delta := reader.read(each)) is not None]
    return [*deltas, reader.end()]


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


def test_a_second_call_is_dropped_where_only_one_is_allowed() -> None:
    calls = [{"index": index, "function": {"name": "look", "arguments": "{}"}} for index in range(3)]
    deltas = read_all(reader_of(parallel_tool_calls=False), chunk(tool_calls=calls), chunk("tool_calls"))
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
    first = reader.read(chunk(content="one"))
    assert first is not None
    assert first.usage == Usage(3, 1, is_estimate=True)
    usage = {
        "prompt_tokens": 8,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert reader.read(chunk("stop") | {"usage": usage}) is None
    assert reader.end().usage == Usage(8, 5, 1, 2)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", "stop"), ("eos_token", "stop"), ("length", "length"), ("abort", "aborted"), ("odd", "error")],
)
def test_reasons_to_end_are_ours(reason: str, expected: str) -> None:
    assert read_all(reader_of(), chunk(reason))[-1].finish_reason == expected


def test_a_stream_without_a_reason_to_end_was_cut_off() -> None:
    with pytest.raises(GenerationFailed):
        read_all(reader_of(), chunk(content="one"))


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
NAMES = ("content", "reasoning", "reasoning_content", "tool_calls", "role")


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
