"""The questions of the held-out set were never asked in training, but for the gateway's own."""

import ast
from pathlib import Path

import pytest

import training
from training.example import Language, Split
from training.speech.questions import ORDERS, TRANSCRIBE, WORDS
from training.text.frames import Phrasings

from ..phrasing_distance import neighbours, trained_questions

LOADED_MODEL = Path(training.__file__).parents[1] / "inference" / "loading" / "loaded_model.py"


def letters(phrasings: Phrasings, split: Split, language: Language) -> set[str]:
    """All its sentences, without signs and capitals."""
    frames = phrasings.frames[split, language]
    return {"".join(filter(str.isalnum, text.lower())) for frame in frames for text in frame.sentences()}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("phrasings", [ORDERS, WORDS])
def test_held_out_questions_are_not_nearly_trained_ones(phrasings, language):
    held_out = [text for frame in phrasings.frames["held_out", language] for text in frame.sentences()]
    assert len(held_out) >= 5
    trained = trained_questions([ORDERS, WORDS], language)
    for question in held_out:
        assert not neighbours(question, trained, language), question


def test_no_question_asks_for_both():
    for split, language in ORDERS.frames:
        assert not letters(ORDERS, split, language) & letters(WORDS, split, language)


def test_a_transcription_is_asked_for_as_the_gateway_does():
    assigned = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(LOADED_MODEL.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert assigned["TRANSCRIBE"] == TRANSCRIBE
