"""What is asked in training that is nearly a held-out question."""

import re
from functools import cache

from rapidfuzz.distance import Levenshtein

from training.example import Language
from training.text.frames import Phrasings
from training.text.manners import manners

Words = tuple[str, ...]
NAMED = re.compile(r"\{(name|things)\}")  # what is tapped is called the one or the other
WORD = re.compile(r"\{\w+\}|[a-z]+|[\u4e00-\u9fff]")


def words(text: str) -> Words:
    """English words, Chinese characters and {fields}, in lower case and without punctuation."""
    return tuple(WORD.findall(NAMED.sub("{name}", text).lower()))


def trained_questions(kinds: list[Phrasings], language: Language) -> set[Words]:
    return {
        words(text)
        for phrasings in kinds
        for frame in phrasings.frames["train", language]
        for text in frame.sentences()
    }


@cache
def openings(language: Language) -> frozenset[Words]:
    """What people put before a question in training, or nothing."""
    around = manners("train", language)
    return frozenset(map(words, ("", *around.before, *around.fillers, *around.before_questions)))


@cache
def closings(language: Language) -> frozenset[Words]:
    """What they put after it, or nothing."""
    return frozenset(map(words, ("", *manners("train", language).after)))


def neighbours(question: str, trained: set[Words], language: Language) -> list[Words]:
    """Trained questions that differ in at most one word or Chinese character, whatever surrounds it."""
    whole = words(question)
    cores = {
        whole[len(opening) : len(whole) - len(closing)]
        for opening in openings(language)
        if whole[: len(opening)] == opening
        for closing in closings(language)
        if len(opening) + len(closing) < len(whole) and whole[len(whole) - len(closing) :] == closing
    }
    return [
        other
        for core in cores
        for other in trained
        if abs(len(core) - len(other)) <= 1 and Levenshtein.distance(core, other, score_cutoff=1) <= 1
    ]
