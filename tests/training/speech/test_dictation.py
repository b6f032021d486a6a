"""Dictations are as long as commands and made of their words, but hardly ever one of them."""

import random

import pytest

from training.example import Language
from training.speech.dictation import dictation
from training.text.commands import MAX_LENGTH, MIN_LENGTH, spoken_command

COUNT = 300


@pytest.mark.parametrize("language", ["en", "zh"])
def test_dictations_are_other_sentences_of_the_commands_length_and_words(language: Language) -> None:
    rng = random.Random(0)
    commands = {spoken_command(rng, "train", language).sentence for _ in range(3000)}
    held_out = {spoken_command(rng, "held_out", language).sentence for _ in range(3000)}
    dictations = [dictation(rng, language) for _ in range(COUNT)]
    sentences = [each.split() if language == "en" else list(each) for each in dictations]
    lengths = [len(each) for each in sentences]
    assert (min(lengths), max(lengths)) == (MIN_LENGTH[language], MAX_LENGTH[language])
    assert len(set(dictations) - commands) > 0.9 * COUNT
    assert not held_out & set(dictations)
    known = {word for each in commands for word in (each.split() if language == "en" else each)}
    assert 0.6 < sum(set(each) <= known for each in sentences) / COUNT < 1
