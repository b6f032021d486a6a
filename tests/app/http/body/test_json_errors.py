"""Bodies that are not JSON: the error says why, and where."""

import pytest

from app.http.body.json_errors import MAX_EXAMINED_BYTES, NOT_A_NUMBER, SURROGATE, invalid_json

GENERAL = "The body is not valid JSON (UTF-8, no NaN or Infinity, at most 64 levels deep)."


@pytest.mark.parametrize(
    ("text", "detail", "param"),
    [
        (b"", "The body is empty.", None),
        (b" \n", "The body is empty.", None),
        (b'{"a": "\xff"}', "The body is not valid UTF-8 at byte 7.", None),
        ('{"prompt": "é"}'.encode("latin-1"), "The body is not valid UTF-8 at byte 12.", None),
        (b'\xff\xfe{\x00"\x00', "The body is not valid UTF-8 at byte 0.", None),
        (b"{'a': 1}", "The body is not valid JSON at line 1, column 2.", None),
        (b'{"a": 1,\n "b" 2}', "The body is not valid JSON at line 2, column 6.", None),
        (b'{"a": "b', "The body is not valid JSON at line 1, column 7.", None),
        (b'{"a": NaN}', f"a: {NOT_A_NUMBER}", "a"),
        (b'{"a": [1, -Infinity]}', f"a.1: {NOT_A_NUMBER}", "a.1"),
        (b'{"a": 1e999}', f"a: {NOT_A_NUMBER}", "a"),
        (b'{"prompt": "hi \\ud83d"}', f"prompt: {SURROGATE}", "prompt"),
        (b'{"messages": [{"content": "\\udc00"}]}', f"messages.0.content: {SURROGATE}", "messages.0.content"),
        (b'{"\\ud83d": 1}', f"A name {SURROGATE}", None),
        (b'"\\ud83d"', SURROGATE, None),
        (b"[" * 200_000, GENERAL, None),
        (b"1" * 5000 + b"x", GENERAL, None),
        (b'{"a": NaN, "b": "' + b"x" * MAX_EXAMINED_BYTES + b'"}', GENERAL, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_error_says_why_and_where(text: bytes, detail: str, param: str | None) -> None:
    error = invalid_json(text, is_original=True)
    assert (error.detail, error.param) == (detail, param)


@pytest.mark.parametrize("text", [b'{"a": "\xff"}', b'{"a": 1,\n "b" 2}'])
def test_places_in_a_text_that_the_client_did_not_write_are_not_named(text: bytes) -> None:
    assert invalid_json(text, is_original=False).detail == GENERAL
