"""Characters, reasoning and stop strings, token by token."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.constraints.glm_calls import GlmCalls
from inference.engine.detokenizer import Detokenizer, byte_alphabet, make_token_bytes
from inference.engine.reasoning import TAGS, ReasoningSplitter
from inference.engine.text_stream import Piece, TextStream


def byte_of(token_id: int) -> bytes:
    return bytes([token_id])


def stream(
    data: bytes,
    stop: tuple[str, ...] = (),
    is_reasoning: bool = False,
    is_cut_off: bool = False,
    keep_tags: bool = False,
) -> tuple[list[str], list[str]]:
    """Pushes one byte after another; returns the pieces of text and of reasoning."""
    text_stream = TextStream(byte_of, stop, is_reasoning, keep_tags)
    pieces = []
    for byte in data:
        pieces.append(text_stream.push(byte))
        if text_stream.is_stopped:
            break
    pieces.append(text_stream.flush(is_cut_off))
    return [each.text for each in pieces if each.text], [each.reasoning for each in pieces if each.reasoning]


def test_the_byte_alphabet_has_every_byte_once() -> None:
    assert sorted(byte_alphabet().values()) == list(range(256))
    assert byte_alphabet()["Ġ"] == ord(" ")


def test_special_tokens_have_no_text_unless_they_are_shown() -> None:
    class Tokenizer:
        all_special_ids = [0, 1]  # noqa: RUF012 - as transformers has it

        def convert_ids_to_tokens(self, ids: int) -> str | None:
            return ["<|end|>", "<think>", "Ġhi", "你 好"][ids] if ids < 4 else None

    token_bytes = make_token_bytes(Tokenizer(), shown=frozenset({"<think>"}))
    assert [token_bytes(token_id) for token_id in range(5)] == [
        b"",
        b"<think>",
        b" hi",
        "你 好".encode(),
        b"",
    ]


@given(st.text())
def test_a_character_is_emitted_whole_with_its_last_byte(text: str) -> None:
    detokenizer = Detokenizer(byte_of)
    pieces = [detokenizer.push(byte) for byte in text.encode()]
    assert "".join(pieces) == text
    assert "\ufffd" not in set("".join(pieces)) - set(text)


def test_an_incomplete_character_is_never_emitted() -> None:
    text, _ = stream("好".encode() + "好".encode()[:2], is_cut_off=True)
    assert "".join(text) == "好"


def test_invalid_bytes_do_not_hold_back_later_text() -> None:
    text, _ = stream(b"a\xffb\xc3c")
    assert "".join(text) == "a\ufffdb\ufffdc"


def test_reasoning_and_answer_are_separated() -> None:
    text, reasoning = stream(b'<think>\nwhy? 1 < 2</think>\n<answer>do("Tap")</answer>')
    assert "".join(text) == 'do("Tap")'
    assert "".join(reasoning) == "why? 1 < 2"


def test_reasoning_that_the_template_opened_is_recognised() -> None:
    text, reasoning = stream(b"why</think>because", is_reasoning=True)
    assert ("".join(text), "".join(reasoning)) == ("because", "why")


@pytest.mark.parametrize(
    ("written", "text", "reasoning"),
    [
        (
            "<think>\nwhy?</think>\n<answer>\nhi\n</answer>",
            "\n<answer>\nhi\n</answer>",
            "<think>\nwhy?</think>",
        ),
        (
            '<think>a</think><answer>do(action="Back")</answer>',
            '<answer>do(action="Back")',
            "<think>a</think>",
        ),
        ("<think>a</think>\n<answer>\nfinish()\n</answer>\n", "\n<answer>\nfinish()\n", "<think>a</think>"),
        ("<think>a</think>do()</answer>", "do()", "<think>a</think>"),
        ("<answer>do()</answer>", "do()", ""),
        ("<answer>\nhi</answer>", "hi", ""),
        ("<think></think><answer>hi</answer>", "<answer>hi</answer>", "<think></think>"),
    ],
)
def test_tags_stay_as_the_model_wrote_them(written: str, text: str, reasoning: str) -> None:
    pieces = stream(written.encode(), keep_tags=True)
    assert ("".join(pieces[0]), "".join(pieces[1])) == (text, reasoning)


def test_tag_that_the_template_wrote_is_kept_too() -> None:
    text, reasoning = stream(b"why</think><answer>do()</answer>", is_reasoning=True, keep_tags=True)
    assert ("".join(text), "".join(reasoning)) == ("<answer>do()", "<think>why</think>")


def test_tag_that_the_template_wrote_is_kept_before_any_token_ends_the_response() -> None:
    assert stream(b"", is_reasoning=True, keep_tags=True) == ([], ["<think>"])


def test_reasoning_that_never_ends_stays_reasoning() -> None:
    text, reasoning = stream(b"<think>and so on", is_cut_off=True)
    assert ("".join(text), "".join(reasoning)) == ("", "and so on")


def test_text_that_only_looks_like_a_tag_is_emitted() -> None:
    text, _ = stream(b"if a <b> and x <thin> then </x>")
    assert "".join(text) == "if a <b> and x <thin> then </x>"


@pytest.mark.parametrize(
    ("is_cut_off", "expected"), [(True, "wait"), (False, "wait</thi")], ids=["cut off", "the model's end"]
)
def test_half_a_tag_at_the_end_is_dropped_only_when_cut_off(is_cut_off: bool, expected: str) -> None:
    text, _ = stream(b"wait</thi", is_cut_off=is_cut_off)
    assert "".join(text) == expected


def test_a_lone_angle_bracket_at_the_end_is_text() -> None:
    text, _ = stream(b"a <", is_cut_off=True)
    assert "".join(text) == "a <"


@given(
    st.lists(st.sampled_from([*TAGS, "<", "</", "think>", "do(", "a", " ", "\n"]), max_size=12),
    st.lists(st.integers(0, 60), max_size=8),
    st.booleans(),
)
def test_how_the_text_is_cut_into_pieces_changes_nothing(
    words: list[str], cuts: list[int], keep_tags: bool
) -> None:
    whole = "".join(words)
    bounds = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    in_pieces, at_once = (ReasoningSplitter(keep_tags=keep_tags) for _ in range(2))
    shown = [in_pieces.push(whole[start:end]) for start, end in pairwise(bounds)]
    shown.append(in_pieces.flush(is_cut_off=False))
    expected = [at_once.push(whole), at_once.flush(is_cut_off=False)]
    for which in (0, 1):
        assert "".join(each[which] for each in shown) == "".join(each[which] for each in expected)


def test_no_part_of_a_tag_is_ever_emitted_while_streaming() -> None:
    text, reasoning = stream(b"a<think>b</think>c<answer>d</answer>e")
    assert (text, reasoning) == (["a", "c", "d", "e"], ["b"])


def test_a_stop_string_across_tokens_ends_the_text_before_it() -> None:
    text, _ = stream(b"one STOP two", stop=("STOP",))
    assert "".join(text) == "one "


def test_the_earliest_of_several_stop_strings_counts() -> None:
    text_stream = TextStream(lambda _: b"a-b-c-d", ("c", "b"), is_reasoning=False)
    assert text_stream.push(0) == Piece("a-")
    assert text_stream.is_stopped
    assert text_stream.flush(is_cut_off=False) == Piece()


def test_the_beginning_of_a_stop_string_is_emitted_if_the_rest_does_not_follow() -> None:
    text, _ = stream(b"one STO", stop=("STOP",))
    assert "".join(text) == "one STO"


def test_stop_strings_do_not_end_the_reasoning() -> None:
    text, reasoning = stream(b"<think>1. x</think>2. y", stop=(". x", ". y"))
    assert ("".join(text), "".join(reasoning)) == ("2", "1. x")


def test_reasoning_tokens_are_counted() -> None:
    text_stream = TextStream(byte_of, (), is_reasoning=True)
    for byte in b"ab</think>cd":
        text_stream.push(byte)
    assert text_stream.reasoning_tokens == len("ab</think>")


@pytest.mark.parametrize("is_typed", [False, True])
@pytest.mark.parametrize("written", ["<to", "<tool_", "<tool_call"])
def test_the_beginning_of_a_call_that_is_cut_off_is_dropped(is_typed: bool, written: str) -> None:
    parser = GlmCalls().make_parser({})
    text_stream = TextStream(byte_of, (), False, is_typed=is_typed, call_parser=parser)
    shown = [text_stream.push(token_id).text for token_id in written.encode()]
    assert "".join(shown) + text_stream.flush(is_cut_off=True).text == ""


def test_what_only_begins_like_a_call_is_text_where_the_model_ends_it() -> None:
    text_stream = TextStream(byte_of, (), False, call_parser=GlmCalls().make_parser({}))
    shown = [text_stream.push(token_id).text for token_id in b"a <tool"]
    assert "".join(shown) + text_stream.flush(is_cut_off=False).text == "a <tool"
