"""Texts of actions, as models write them, to JSON."""

import pytest

from app.phone_actions import parse_action


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ('do(action="Tap", element=[500,250])', {"_metadata": "do", "action": "Tap", "element": [500, 250]}),
        (
            ' do(action="Swipe", start=[1, 2], end=[999,0])\n',
            {"_metadata": "do", "action": "Swipe", "start": [1, 2], "end": [999, 0]},
        ),
        ('do(action="Back")', {"_metadata": "do", "action": "Back"}),
        (
            'do(action="Type", text="a \\"b\\"\\nc")',
            {"_metadata": "do", "action": "Type", "text": 'a "b"\nc'},
        ),
        ('do(action="Type", text="a "b", c")', {"_metadata": "do", "action": "Type", "text": 'a "b", c'}),
        ('finish(message="打开了"微信"")', {"_metadata": "finish", "message": '打开了"微信"'}),
        ('finish(message="line\nline")', {"_metadata": "finish", "message": "line\nline"}),
        (
            'do(action="Wait", duration="3 seconds")',
            {"_metadata": "do", "action": "Wait", "duration": "3 seconds"},
        ),
    ],
)
def test_actions_are_parsed(text: str, action: object) -> None:
    assert parse_action(text) == action


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        'do(action="Tap", element=[500,250]',
        'do(action="Tap", element=[500])',
        'do(action="Tap", action="Back")',
        'do(app="x")',
        'finish(action="x", text="y"z")',
        'do(action="Back")</answer>',
        'do(action="Tap" element=[1,2])',
        "do(__import__('os'))",
    ],
)
def test_other_texts_are_not(text: str) -> None:
    assert parse_action(text) is None


def test_hostile_text_is_no_action() -> None:
    for text in ('do(action="' + "\\" * 100_000, "do(" + " " * 100_000, 'do(a="b",' * 20_000 + ")"):
        assert parse_action(text) is None
