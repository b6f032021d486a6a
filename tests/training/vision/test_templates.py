"""Held-out questions are other questions, in words that training teaches."""

import random
import re

import pytest

from training.example import LANGUAGES
from training.text.copied_text import WORDS_ZH
from training.text.manners import MANNERS
from training.vision.examples import screen_example
from training.vision.labels import UNSEEN, all_labels, unlisted_label
from training.vision.templates import load_templates

from ..phrasing_distance import neighbours, trained_questions, words

TEMPLATES = load_templates()


def sentences(kind, split, language):
    """All that may be asked, its {fields} not filled in."""
    return {text for frame in TEMPLATES[kind].frames[split, language] for text in frame.sentences()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", TEMPLATES)
def test_every_kind_has_many_phrasings_to_learn_from(kind, language):
    assert len(sentences(kind, "train", language)) >= 30
    assert len(sentences(kind, "held_out", language)) >= 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_questions_are_not_nearly_trained_ones_of_any_kind(language):
    trained = trained_questions(list(TEMPLATES.values()), language)
    for kind in TEMPLATES:
        for question in sentences(kind, "held_out", language):
            assert not neighbours(question, trained, language), question


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", TEMPLATES)
def test_phrasings_of_a_kind_have_the_same_fields(kind, language):
    everything = sentences(kind, "train", language) | sentences(kind, "held_out", language)
    named = [set(re.findall(r"\{\w+\}", text)) - {"{words}"} for text in everything]
    assert all(fields == named[0] for fields in named)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_held_out_word_is_trained_on(language):
    manners = MANNERS["train", language]
    known = {word for part in (*manners.before, *manners.after) for word in words(part)}
    for question in trained_questions(list(TEMPLATES.values()), language):
        known |= set(question)
    for kind in TEMPLATES:
        for question in sentences(kind, "held_out", language):
            assert set(words(question)) <= known, question


@pytest.mark.parametrize("language", ["en", "zh"])
def test_unlisted_labels_are_on_no_list_and_in_one_split(language):
    """Such as "Coffee", which is also a word to be typed."""
    trained, held_out = (
        {unlisted_label(random.Random(seed), split, language) for seed in range(500)}
        for split in ("train", "held_out")
    )
    assert not (trained | held_out) & set(all_labels(language))
    assert not trained & held_out


@pytest.mark.parametrize("language", LANGUAGES)
def test_unseen_words_are_shown_by_no_picture_of_the_training(language):
    rng = random.Random(4)
    shown = set(all_labels(language)) | {unlisted_label(rng, "train", language) for _ in range(2_000)}
    shown |= {mark.text for _ in range(40) for mark in screen_example(rng, "train").marks}
    assert not {label.lower() for label in UNSEEN[language]} & {text.lower() for text in shown}


def test_unseen_chinese_words_are_of_characters_of_labels():
    assert set("".join(UNSEEN["zh"])) <= set("".join((*all_labels("zh"), *WORDS_ZH)))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_are_a_closed_list_of_a_few_hundred(language):
    assert 240 <= len(all_labels(language)) <= 280
