"""Held-out questions are other questions, in words that training teaches."""

import random
import re

import pytest

from training.vision.labels import all_labels, unlisted_label
from training.vision.templates import load_templates

TEMPLATES = load_templates()
KINDS = sorted({(kind, language) for kind, language, _ in TEMPLATES})


def words(phrasings, language):
    """English words in lower case, or Chinese characters; without fields and punctuation."""
    text = re.sub(r"\{.*?\}", " ", " ".join(phrasings)).lower()
    return set(re.findall(r"[a-z]+" if language == "en" else r"[\u4e00-\u9fff]", text))


@pytest.mark.parametrize(("kind", "language"), KINDS)
def test_every_kind_has_several_phrasings_in_each_split(kind, language):
    assert len(TEMPLATES[kind, language, "train"]) >= 3
    assert len(TEMPLATES[kind, language, "held_out"]) >= 2


@pytest.mark.parametrize(("kind", "language"), KINDS)
def test_no_held_out_phrasing_is_trained_on(kind, language):
    def plain(split):
        return {re.sub(r"\W", "", phrasing).lower() for phrasing in TEMPLATES[kind, language, split]}

    assert not plain("train") & plain("held_out")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_held_out_word_is_trained_on(language):
    trained, held_out = (
        words(
            [p for key, group in TEMPLATES.items() if key[1:] == (language, split) for p in group], language
        )
        for split in ("train", "held_out")
    )
    assert held_out <= trained


@pytest.mark.parametrize("language", ["en", "zh"])
def test_unlisted_labels_are_on_no_list_and_in_one_split(language):
    """Such as "Coffee", which is also a word to be typed."""
    trained, held_out = (
        {unlisted_label(random.Random(seed), split, language) for seed in range(500)}
        for split in ("train", "held_out")
    )
    assert not (trained | held_out) & set(all_labels(language))
    assert not trained & held_out


@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_are_a_closed_list_of_a_few_hundred(language):
    assert 240 <= len(all_labels(language)) <= 280
