"""Short commands as people speak them, with numbers in words and no signs, and what the phone agent does."""

import random
from dataclasses import dataclass

from training.example import Language, Split
from training.text.alarms import alarm
from training.text.launch import launch
from training.text.navigation import back, finish, home, swipe
from training.text.speaker import Speaker
from training.text.typing_text import type_text
from training.text.waiting import wait

MIN_LENGTH = {"en": 2, "zh": 3}  # English words, Chinese characters
MAX_LENGTH = {"en": 12, "zh": 16}

SUBJECTS = (launch, swipe, back, home, wait, type_text, alarm, finish)
WEIGHTS = (30, 12, 8, 8, 10, 12, 18, 4)


@dataclass(frozen=True, slots=True)
class Command:
    """`sentence` is the transcript: in lower case with apostrophes only; in Chinese without blanks."""

    kind: str
    language: Language
    sentence: str
    answer: str


def spoken_command(rng: random.Random, split: Split, language: Language) -> Command:
    speaker = Speaker(rng, split, language, spoken=True)
    while True:
        utterance = rng.choices(SUBJECTS, WEIGHTS)[0](speaker)
        sentence = utterance.sentence
        length = len(sentence.split()) if language == "en" else len(sentence)
        if MIN_LENGTH[language] <= length <= MAX_LENGTH[language]:
            return Command(utterance.kind, language, sentence, utterance.answer)
