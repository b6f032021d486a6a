"""How far a held-out question is from all that is asked in training."""

import re
from functools import cache

from rapidfuzz.distance import Levenshtein

from training.example import Language
from training.text.frames import Phrasings
from training.text.manners import MANNERS

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
    """What people put before a question in training."""
    manners = MANNERS["train", language]
    return frozenset(map(words, (*manners.before, *manners.fillers, *manners.before_questions)))


def distance(question: str, trained: set[Words], language: Language) -> int:
    """Words or Chinese characters by which it differs from the nearest trained one, whatever opens it."""
    whole = words(question)
    cut = [whole[len(opening) :] for opening in openings(language) if whole[: len(opening)] == opening]
    return min(Levenshtein.distance(each, other) for each in (whole, *cut) for other in trained)
