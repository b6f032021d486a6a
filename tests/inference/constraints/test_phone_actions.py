"""Actions of a phone agent: the grammar, our parser, and how Open-AutoGLM reads them."""

import ast
import random
from typing import Any

import numpy as np
import pytest

from inference.constraints.grammar_vocabulary import GrammarConstraint, GrammarVocabulary
from inference.constraints.phone_actions import ACTION_RULES, parse_action
from inference.constraints.token_constraint import words_for

PROMPTED = {
    'do(action="Launch", app="微信")': {"action": "Launch", "app": "微信"},
    'do(action="Tap", element=[0,999])': {"action": "Tap", "element": [0, 999]},
    'do(action="Tap", element=[5,17], message="重要操作")': {
        "action": "Tap",
        "element": [5, 17],
        "message": "重要操作",
    },
    'do(action="Type", text="Hello World")': {"action": "Type", "text": "Hello World"},
    'do(action="Type", text=\'say "hi"\nand go\')': {"action": "Type", "text": 'say "hi"\nand go'},
    'do(action="Type_Name", text="Ann")': {"action": "Type_Name", "text": "Ann"},
    'do(action="Interact")': {"action": "Interact"},
    'do(action="Swipe", start=[1,2], end=[3,4])': {"action": "Swipe", "start": [1, 2], "end": [3, 4]},
    'do(action="Note", message="True")': {"action": "Note", "message": "True"},
    'do(action="Call_API", instruction="sum it up")': {"action": "Call_API", "instruction": "sum it up"},
    'do(action="Long Press", element=[10,20])': {"action": "Long Press", "element": [10, 20]},
    'do(action="Double Tap", element=[10,20])': {"action": "Double Tap", "element": [10, 20]},
    'do(action="Take_over", message="log in")': {"action": "Take_over", "message": "log in"},
    'do(action="Back")': {"action": "Back"},
    'do(action="Home")': {"action": "Home"},
    'do(action="Wait", duration="2 seconds")': {"action": "Wait", "duration": "2 seconds"},
}
REFUSED = [
    "",
    "I tap",
    'do(action="Fly")',
    'do(action="Tap")',
    'do(action="Back", element=[1,2])',
    'do(action="Tap", element=[1,1000])',
    'do(action="Tap", element=[01,2])',
    'do(action="Tap", element=[-1,2])',
    'do(action="Launch", app="a\nb")',
    'do(action="Launch", app="a\\b")',
    'do(action="Launch", app="a") ok',
    'do(action="Launch", app="do(action=")',
    'finish(message="a" b")',
    'finish(message="finish(message=")',
    'do(action="Swipe", end=[1,2], start=[3,4])',
]


def as_open_autoglm_reads_it(text: str) -> dict[str, Any]:
    """Texts of Type and finish up to the last two characters; other actions as a Python call."""
    if text.startswith("finish"):
        return {"_metadata": "finish", "message": text.removeprefix("finish(message=")[1:-2]}
    if text.startswith('do(action="Type'):
        return {"_metadata": "do", "text": text.split("text=", 1)[1][1:-2]}
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return {"_metadata": "do"} | {str(name): value for name, value in arguments.items()}


@pytest.fixture(scope="module")
def vocabulary() -> GrammarVocabulary:
    """Bytes, and some longer tokens that cross the parts of an action."""
    longer = [
        b'do(action="',
        b'", element=[',
        b'", ',
        b"=[1",
        b'")',
        "好的".encode(),
        b"finish(message=",
        b"0,0",
    ]
    return GrammarVocabulary([bytes([byte]) for byte in range(256)] + longer + [b""], [], [256 + len(longer)])


@pytest.fixture
def actions(vocabulary: GrammarVocabulary) -> GrammarConstraint:
    return vocabulary.compile(f"start: action\n{ACTION_RULES}")


def accepts(constraint: GrammarConstraint, text: str) -> bool:
    return constraint.accepts_text(text) and constraint.is_complete


@pytest.mark.parametrize(("text", "action"), PROMPTED.items())
def test_every_action_of_the_prompt_is_generated_and_read(actions, text: str, action: dict[str, Any]) -> None:
    assert accepts(actions, text)
    assert parse_action(text) == {"_metadata": "do"} | action
    assert parse_action(f" {text}\n") == {"_metadata": "do"} | action


def test_a_point_with_a_space_is_read_and_not_generated(actions) -> None:
    """Midscene finds `element=[5,17]` alone."""
    text = 'do(action="Tap", element=[5, 17])'
    assert not accepts(actions, text)
    assert parse_action(text) == {"_metadata": "do", "action": "Tap", "element": [5, 17]}


def test_a_finish_is_generated_and_read(actions) -> None:
    text = 'finish(message="done:\n1. a\n2. b")'
    assert accepts(actions, text)
    assert parse_action(text) == {"_metadata": "finish", "message": "done:\n1. a\n2. b"}


@pytest.mark.parametrize("text", REFUSED)
def test_nothing_else_is(actions, text: str) -> None:
    assert not accepts(actions, text)
    with pytest.raises(ValueError, match="not"):
        parse_action(text)


def test_whatever_is_generated_is_read_as_open_autoglm_reads_it(actions) -> None:
    generator = random.Random(0)
    size = 256 + 9
    words = np.zeros(words_for(size), dtype=np.int32)
    seen = set()
    for _ in range(300):
        constraint, written = actions.fork(), b""
        for _ in range(200):
            constraint.fill_mask(words)
            allowed = np.flatnonzero(np.unpackbits(words.view(np.uint8), count=size, bitorder="little"))
            closing = [token_id for token_id in allowed if token_id in (34, 39)]
            chosen = closing if closing and generator.random() < 0.3 else list(allowed)
            token_id = int(generator.choice(chosen))
            written += constraint._tokenizer.decode_bytes([token_id])
            constraint.consume(token_id)
            if constraint.is_complete:
                break
        else:
            continue
        text = written.decode()
        action = parse_action(text)
        seen.add(action.get("action", "finish"))
        assert action | as_open_autoglm_reads_it(text) == action
    assert len(seen) > 10
