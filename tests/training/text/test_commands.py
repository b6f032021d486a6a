import random
import re
from itertools import product
from typing import get_args

import pytest

from training.example import Language, Split
from training.text.commands import MAX_LENGTH, MIN_LENGTH, Command, spoken_command

LANGUAGES = get_args(Language)
SPLITS = get_args(Split)
TRANSCRIPT = {"en": r"[a-z']+( [a-z']+)*", "zh": r"[\u4e00-\u9fff]+"}
ACTION = re.compile(
    r'do\(action="(Launch", app="[^"]+"|Type", text="[^"]+"|Back"|Home"|Wait", duration="\d+ seconds"'
    r'|Swipe", start=\[\d+,\d+\], end=\[\d+,\d+\]|Alarm", time="([01]\d|2[0-3]):[0-5]\d")\)'
    r'|finish\(message="[^"]+"\)'
)


def commands(split: Split, language: Language, count: int) -> list[Command]:
    rng = random.Random(f"{split} {language}")
    return [spoken_command(rng, split, language) for _ in range(count)]


@pytest.mark.parametrize(("split", "language"), [*product(SPLITS, LANGUAGES)])
def test_command_is_written_as_a_transcript_and_answered_with_an_action(
    split: Split, language: Language
) -> None:
    for command in commands(split, language, 2_000):
        length = len(command.sentence.split() if language == "en" else command.sentence)
        assert MIN_LENGTH[language] <= length <= MAX_LENGTH[language]
        assert re.fullmatch(TRANSCRIPT[language], command.sentence), command
        assert ACTION.fullmatch(command.answer), command


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_held_out_command_is_trained_on(language: Language) -> None:
    trained = {command.sentence for command in commands("train", language, 40_000)}
    asked = {command.sentence for command in commands("held_out", language, 4_000)}
    assert len(asked) > 1_000
    assert not trained & asked


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_commands_are_made_of_trained_words(language: Language) -> None:
    def words(split: Split, count: int) -> list[str]:
        sentences = [command.sentence for command in commands(split, language, count)]
        return [
            word for sentence in sentences for word in (sentence.split() if language == "en" else sentence)
        ]

    trained = set(words("train", 40_000))
    asked = words("held_out", 4_000)
    assert sum(word in trained for word in asked) >= 0.99 * len(asked)


def test_a_sentence_has_one_answer() -> None:
    for split, language in product(SPLITS, LANGUAGES):
        answers: dict[str, str] = {}
        for command in commands(split, language, 20_000):
            assert answers.setdefault(command.sentence, command.answer) == command.answer, command
