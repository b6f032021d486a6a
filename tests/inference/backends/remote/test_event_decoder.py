"""Streams of events, in pieces of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.remote.event_decoder import EventDecoder
from inference.errors import GenerationFailed

STREAM = (
    ': hello\n\ndata: {"a": "打开微信"}\r\n\r\nid: 4\ndata: one\ndata:two\n\n\ndata\n\n'
    "event: x\rdata: three\r\rdata: [DONE]\n\ndata: last"
).encode()
EVENTS = ['{"a": "打开微信"}'.encode(), b"one\ntwo", b"", b"three", b"[DONE]", b"last"]


def push_all(decoder: EventDecoder, pieces: list[bytes]) -> list[bytes]:
    return [event for piece in pieces for event in decoder.push(piece)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_it_does_not_matter_how_the_stream_is_cut(cuts: list[int]) -> None:
    decoder, events, start = EventDecoder(), [], 0
    for end in [*sorted(cuts), len(STREAM)]:
        events += decoder.push(STREAM[start:end])
        start = end
    events += decoder.flush()
    assert [each for each in events if each] == [each for each in EVENTS if each]


@pytest.mark.parametrize("line", [b"data: ", b": ", b""])
def test_an_event_that_does_not_end_is_not_kept(line: bytes) -> None:
    decoder = EventDecoder(max_event_bytes=1000)
    with pytest.raises(GenerationFailed):
        push_all(decoder, [line + b"x" * 50] * 100)


def test_many_lines_of_one_event_are_bounded_together() -> None:
    decoder = EventDecoder(max_event_bytes=1000)
    with pytest.raises(GenerationFailed):
        push_all(decoder, [b"data: " + b"x" * 50 + b"\n"] * 100)


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    decoder = EventDecoder()
    assert all(isinstance(each, bytes) for each in [*decoder.push(data), *decoder.flush()])
