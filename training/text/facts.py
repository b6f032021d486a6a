"""A fact: questions that ask for it, and the one sentence that answers them in each language."""

from dataclasses import dataclass

from training.example import Language
from training.text.frames import Phrasings
from training.text.speaker import Speaker, Utterance


@dataclass(frozen=True, slots=True)
class Fact:
    answers: dict[Language, str]
    phrasing: Phrasings


def fact(phrasing: Phrasings, *, en: str, zh: str) -> Fact:
    return Fact({"en": en, "zh": zh}, phrasing)


def tell(kind: str, speaker: Speaker, known: Fact, thinking: dict[Language, str]) -> Utterance:
    language = speaker.language
    return Utterance(kind, speaker.say(known.phrasing), known.answers[language], thinking[language])
