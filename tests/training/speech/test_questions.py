"""The questions of the held-out set were never asked in training, but for the gateway's own."""

import ast
from pathlib import Path

import pytest

import training
from training.example import Language, Split
from training.speech.questions import ORDERS, TRANSCRIBE, WORDS
from training.text.frames import Phrasings
from training.text.manners import MANNERS

LOADED_MODEL = Path(training.__file__).parents[1] / "inference" / "loading" / "loaded_model.py"


def letters(phrasings: Phrasings, split: Split, language: Language) -> set[str]:
    """All its sentences, without signs and capitals."""
    frames = phrasings.frames[split, language]
    return {"".join(filter(str.isalnum, text.lower())) for frame in frames for text in frame.sentences()}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("phrasings", [ORDERS, WORDS])
def test_held_out_phrasings_are_new(phrasings, language):
    held_out = letters(phrasings, "held_out", language)
    assert len(held_out) >= 5
    assert not letters(phrasings, "train", language) & held_out


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("phrasings", [ORDERS, WORDS])
def test_politeness_makes_no_held_out_phrasing_of_a_trained_one(phrasings, language):
    manners = MANNERS["train", language]
    polite = ["".join(filter(str.isalnum, words)) for words in ("", *manners.before, *manners.after)]
    trained = letters(phrasings, "train", language)
    for sentence in letters(phrasings, "held_out", language):
        bare = {sentence.removeprefix(words).removesuffix(end) for words in polite for end in polite}
        assert not bare & trained


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
