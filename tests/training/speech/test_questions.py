"""The questions of the held-out set were never asked in training, but for the gateway's own."""

import ast
from pathlib import Path

import pytest

import training
from training.speech.questions import ORDERS, TRANSCRIBE, WORDS

LOADED_MODEL = Path(training.__file__).parents[1] / "inference" / "loading" / "loaded_model.py"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("phrasings", [ORDERS, WORDS])
def test_held_out_phrasings_are_new(phrasings, language):
    def letters(split: str) -> set[str]:
        return {"".join(filter(str.isalnum, text.lower())) for text in phrasings[split, language]}

    assert len(letters("held_out")) >= 5
    assert not letters("train") & letters("held_out")


def test_no_question_asks_for_both():
    asked = [text for texts in (*ORDERS.values(), *WORDS.values()) for text in texts]
    assert len(asked) == len(set(asked))


def test_a_transcription_is_asked_for_as_the_gateway_does():
    assigned = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(LOADED_MODEL.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert assigned["TRANSCRIBE"] == TRANSCRIBE
