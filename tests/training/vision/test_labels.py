"""Labels are of a closed list, or of words that are on none."""

import random

import pytest

from training.example import LANGUAGES
from training.text.phrasings import words
from training.vision.examples import screen_example
from training.vision.labels import all_labels, pool, unlisted_label


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
def test_unseen_words_are_shown_by_no_picture_of_the_training(language, fonts):
    rng = random.Random(4)
    shown = set(all_labels(language)) | {unlisted_label(rng, "train", language) for _ in range(2_000)}
    shown |= {mark.text for _ in range(40) for mark in screen_example(rng, "train", fonts=fonts).marks}
    assert not {label.lower() for label in pool("unseen", language)} & {text.lower() for text in shown}


def test_unseen_chinese_words_are_of_characters_of_labels():
    assert set("".join(pool("unseen", "zh"))) <= set(
        "".join((*all_labels("zh"), *words("copied_text")["words"]["zh"]))
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_are_a_closed_list_of_a_few_hundred(language):
    assert 240 <= len(all_labels(language)) <= 280
