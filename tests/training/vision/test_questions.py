"""Held-out questions about pictures are other questions, in words that training teaches."""

import re

import pytest

from training.example import LANGUAGES
from training.text.manners import manners
from training.text.phrasings import sayings

from ..phrasing_distance import neighbours, trained_questions, words

PHRASINGS = {kind: saying.phrasings for kind, saying in sayings("pictures").items()}


def sentences(kind, split, language):
    """All that may be asked, its {fields} not filled in."""
    return {text for frame in PHRASINGS[kind].frames[split, language] for text in frame.sentences()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", PHRASINGS)
def test_every_kind_has_many_phrasings_to_learn_from(kind, language):
    assert len(sentences(kind, "train", language)) >= 30
    assert len(sentences(kind, "held_out", language)) >= 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_questions_are_not_nearly_trained_ones_of_any_kind(language):
    trained = trained_questions(list(PHRASINGS.values()), language)
    for kind in PHRASINGS:
        for question in sentences(kind, "held_out", language):
            assert not neighbours(question, trained, language), question


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", PHRASINGS)
def test_phrasings_of_a_kind_have_the_same_fields(kind, language):
    everything = sentences(kind, "train", language) | sentences(kind, "held_out", language)
    named = [set(re.findall(r"\{\w+\}", text)) - {"{words}"} for text in everything]
    assert all(fields == named[0] for fields in named)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_held_out_word_is_trained_on(language):
    around = manners("train", language)
    known = {word for part in (*around.before, *around.after) for word in words(part)}
    for question in trained_questions(list(PHRASINGS.values()), language):
        known |= set(question)
    for kind in PHRASINGS:
        for question in sentences(kind, "held_out", language):
            assert set(words(question)) <= known, question
