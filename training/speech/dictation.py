"""Sentences that hardly anybody says: pieces of commands and other words, one after the other.

A model that has memorized a thousand commands transcribes anything similar as one of them. It can transcribe
these only by listening.
"""

import random

from training.example import Language
from training.text.commands import MAX_LENGTH, MIN_LENGTH, spoken_command
from training.text.copied_text import dictated_text
from training.text.speaker import Speaker

COMMAND_SHARE = 0.7  # of the pieces
LONGEST_PIECE: dict[Language, int] = {"en": 4, "zh": 6}  # words, characters


def dictation(rng: random.Random, language: Language) -> str:
    """Returns as much as a command of the training, written as its transcript would be."""
    length = rng.randint(MIN_LENGTH[language], MAX_LENGTH[language])
    units: list[str] = []
    while len(units) < length:
        said = _units(_sentence(rng, language), language)
        count = rng.randint(1, LONGEST_PIECE[language])
        start = rng.randrange(max(1, len(said) - count + 1))
        units += said[start : start + count]
    return ("" if language == "zh" else " ").join(units[:length])


def _sentence(rng: random.Random, language: Language) -> str:
    if rng.random() < COMMAND_SHARE:
        return spoken_command(rng, "train", language).sentence
    return dictated_text(Speaker(rng, "train", language, spoken=True))


def _units(sentence: str, language: Language) -> list[str]:
    return list(sentence) if language == "zh" else sentence.split()
