import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import GatewayError, InvalidJSON, InvalidRequest
from app.http.body.json_scanner import (
    MAX_BARE_BYTES,
    MAX_DEPTH,
    MAX_TEXT_BYTES,
    MAX_VALUES,
    JSONScanner,
    LongString,
)
from app.media.upload import FILE_CHARACTERS

TEXTS = st.text(st.sampled_from('ab[]{},:"\\/\n 你😀\u0000'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=40,
)


def scan(text: bytes, piece_bytes: int = 1_000_000) -> tuple[JSONScanner, list[bytes | LongString]]:
    scanner, pieces = JSONScanner(), []
    for start in range(0, len(text), piece_bytes):
        pieces += scanner.feed(text[start : start + piece_bytes])
    scanner.finish()
    return scanner, pieces


def count(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


def refusal(text: bytes, piece_bytes: int = 1_000_000) -> type[GatewayError]:
    with pytest.raises(GatewayError) as refused:
        scan(text, piece_bytes)
    return type(refused.value)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.integers(1, 9))
def test_values_are_counted_as_the_parser_makes_them(
    value: Any, is_ascii: bool, indent: int | None, piece_bytes: int
) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    scanner, pieces = scan(text, piece_bytes)
    assert json.loads(b"".join(pieces)) == json.loads(text)  # type: ignore[arg-type]  # none is long
    assert scanner.values == count(value)


def test_blanks_are_shortened_and_never_left_out() -> None:
    _, pieces = scan(b"[1" + b" \r\n\t" * 100_000 + b'2, "' + b" " * 1000 + b'"]', 1000)
    text = b"".join(pieces)  # type: ignore[arg-type]  # none of them is long
    assert text.split() == [b"[1", b"2,", b'"', b'"]']
    assert len(text) < 2000


@pytest.mark.parametrize("piece_bytes", [1, 7, 4096])
@pytest.mark.parametrize(
    ("at_the_limit", "over_it"),
    [
        (b"[" + b"0," * (MAX_VALUES - 2) + b"0]", b"[" + b"0," * (MAX_VALUES - 1) + b"0]"),
        (b"[" + b"[]," * (MAX_VALUES - 2) + b"[ ]]", b"[" + b"{}," * (MAX_VALUES - 1) + b"[]]"),
        (b"[" + b'"],",' * (MAX_VALUES - 2) + b"0]", b"[" + b'"],",' * (MAX_VALUES - 1) + b"0]"),
        (
            b"{" + b'"a":[0],' * (MAX_VALUES // 2 - 1) + b'"b":0}',
            b"{" + b'"a":[0],' * (MAX_VALUES // 2 - 1) + b'"b":[0]}',
        ),
    ],
    ids=["numbers", "empty containers", "strings", "members"],
)
def test_the_number_of_values_is_bounded_exactly(
    at_the_limit: bytes, over_it: bytes, piece_bytes: int
) -> None:
    scanner, _ = scan(at_the_limit, piece_bytes)
    assert scanner.values == MAX_VALUES
    assert refusal(over_it, piece_bytes) is InvalidRequest


@pytest.mark.parametrize("piece_bytes", [1, 1000])
def test_depth_is_bounded(piece_bytes: int) -> None:
    scan(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1), piece_bytes)
    assert refusal(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, piece_bytes) is InvalidJSON
    scan(b'["' + b"[" * 1000 + b'"]', piece_bytes)


def test_digits_are_bounded() -> None:
    scan(b"[0." + b"1" * (MAX_BARE_BYTES - 2) + b"]")
    assert refusal(b"[0." + b"1" * MAX_BARE_BYTES + b"]") is InvalidRequest


@pytest.mark.parametrize(
    "text",
    [b"]" * 100_000, b'[""""]', b'["a', b'["a\\"]', b"[[]]]" * 30_000],
    ids=["closing", "strings without commas", "cut off", "cut off after an escape", "more closing"],
)
def test_what_is_no_json_is_refused_or_left_to_the_parser(text: bytes) -> None:
    assert refusal(text, 4096) is InvalidJSON


@pytest.mark.parametrize("text", [b"[[]]" * 30_000, b"{}" * 30_000])
def test_containers_are_bounded_where_commas_are_missing(text: bytes) -> None:
    assert refusal(text, 4096) is InvalidRequest


@pytest.mark.parametrize("piece_bytes", [997, 16_384, 1_000_000])
@pytest.mark.parametrize(
    "string",
    [
        b"a" * FILE_CHARACTERS,
        b"a" * 4000 + b" " + b"a" * 4_000_000,
        b"\\t" * 4_000_000,
        b"apple\\nbanana\\n" * 100_000,
        "你".encode() * 2_500_000,
        b"\\ud83d\\ude00" * 600_000,
        b'\\"' * 4_000_000,
    ],
    ids=["letters", "ascii", "escapes", "list", "chinese", "surrogates", "quotes"],
)
def test_texts_are_no_long_strings(string: bytes, piece_bytes: int) -> None:
    text = b'["' + string + b'"]'
    _, pieces = scan(text, piece_bytes)
    assert b"".join(pieces) == text  # type: ignore[arg-type]  # none of them is long


@pytest.mark.parametrize("piece_bytes", [997, 1_000_000])
@pytest.mark.parametrize(
    "string",
    [
        b"a" * (FILE_CHARACTERS + 5000),
        b"data:image\\/png;base64,/9j/4A-_=" + b"a" * 1_000_000,
        (b"\\/\\u002b\\u003D-_+A" * 20 + b"\\r\\n") * 3_000,
    ],
    ids=["letters", "data URI", "escapes"],
)
def test_long_strings_come_apart_from_the_rest(string: bytes, piece_bytes: int) -> None:
    _, pieces = scan(b'{"a":["' + string + b'","b"]}', piece_bytes)
    long = [piece for piece in pieces if isinstance(piece, LongString)]
    assert b"".join(piece.data for piece in long) == string
    assert [piece.is_last for piece in long] == [False] * (len(long) - 1) + [True]
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == b'{"a":[,"b"]}'


@pytest.mark.parametrize("string", [b"a " * MAX_TEXT_BYTES, b"\\\\" * MAX_TEXT_BYTES])
def test_longer_texts_are_refused_before_they_end(string: bytes) -> None:
    assert refusal(b'["' + string, 4096) is InvalidRequest
