"""Loops of a model are told from what people repeat."""

import pytest

from app.http.repetition import RepetitionWatch, without_loop


def is_loop(text: str, size: int = 5) -> bool:
    watch = RepetitionWatch()
    return any(watch.is_loop(text[at : at + size]) for at in range(0, len(text), size))


@pytest.mark.parametrize(
    "text",
    [
        "thank you. " * 20,
        "open the app and then open the app and then " * 8,
        "你好" * 40,
        "a" * 60,
        "first something else and then " + "go go " * 30,
    ],
)
def test_loop_is_noticed(text: str) -> None:
    assert is_loop(text)
    assert is_loop(text, size=1)


@pytest.mark.parametrize(
    "text",
    [
        "no no no no no, i said no",
        "ha ha ha ha ha ha",
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
        "零零零零一一一一二二二二",
        "call 0161 000 0000 please",
        "a very long sentence that says many different things and none of them twice, as people do " * 2,
    ],
)
def test_what_people_repeat_is_no_loop(text: str) -> None:
    assert not is_loop(text)
    assert not is_loop(text, size=1)


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("set an alarm for " * 6, "set an alarm for "),
        ("set an alarm for" + " set an alarm for" * 6, "set an alarm for "),
        ("say: thank you" + " thank you" * 6 + " thank", "say: thank you"),
        ("well: " + "你好" * 20, "well: 你好"),
        ("no, no, no, no", "no, no, no, no"),
        ("open the app", "open the app"),
    ],
)
def test_loop_is_cut_to_one(text: str, once: str) -> None:
    assert without_loop(text) == once
