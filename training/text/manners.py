"""Words around what is meant: polite words around requests, and fillers before anything."""

from dataclasses import dataclass
from functools import cache

from training.example import Language, Split
from training.text.phrasings import words_by_split

COMMAS = (",", "，")


@dataclass(frozen=True, slots=True)
class Manners:
    """In English, with the blank that separates the words from what they surround."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    fillers: tuple[str, ...]
    before_questions: tuple[str, ...]


@cache
def manners(split: Split, language: Language) -> Manners:
    lists = {name: lists[split][language] for name, lists in words_by_split("manners").items()}
    blank = "" if language == "zh" else " "
    return Manners(
        before=tuple(words + blank for words in lists["before"]),
        after=tuple(words if words.startswith(COMMAS) else blank + words for words in lists["after"]),
        fillers=tuple(words + blank for words in lists["fillers"]),
        before_questions=tuple(words + blank for words in lists["before_questions"]),
    )
