import random
from itertools import product

import pytest

from training.example import Language
from training.text.speaker import Speaker
from training.text.times import Time, said_time

SAID = {
    Time(21, 15): ["a quarter past nine in the evening", "9:15 pm", "nine fifteen at night"],
    Time(7, 30): ["half past seven in the morning", "seven thirty in the morning", "7:30am"],
    Time(0, 0): ["midnight"],
    Time(12, 0): ["noon"],
    Time(16, 45): ["a quarter to five in the afternoon"],
}
SAID_ZH = {
    Time(21, 15): ["晚上九点一刻", "晚上9点15分"],
    Time(7, 30): ["早上七点半", "上午7:30"],
    Time(14, 5): ["下午两点零五分"],
    Time(0, 20): ["零点二十分"],
}


def ways(time: Time, language: Language, *, exact: bool) -> set[tuple[str, Time]]:
    speaker = Speaker(random.Random(0), "train", language)
    return {said_time(speaker, time, exact=exact) for _ in range(3_000)}


@pytest.mark.parametrize(
    ("language", "time", "words"),
    [("en", time, words) for time, all_words in SAID.items() for words in all_words]
    + [("zh", time, words) for time, all_words in SAID_ZH.items() for words in all_words],
)
def test_time_is_said_as_people_say_it(language: Language, time: Time, words: str) -> None:
    assert (words, time) in ways(time, language, exact=True)


def test_exact_words_mean_the_time_that_was_given() -> None:
    for language, time in product(("en", "zh"), (Time(0, 5), Time(12, 45), Time(23, 59), Time(11, 45))):
        assert {meant for _, meant in ways(time, language, exact=True)} == {time}


def test_words_mean_one_time() -> None:
    meanings: dict[str, Time] = {}
    for language, spoken in product(("en", "zh"), (False, True)):
        speaker = Speaker(random.Random(1), "train", language, spoken)
        for hour, minute, exact in product(range(24), range(60), (False, True)):
            for _ in range(4):
                words, meant = said_time(speaker, Time(hour, minute), exact=exact)
                assert meanings.setdefault(words, meant) == meant, words


def test_time_without_part_of_the_day_is_what_a_clock_shows() -> None:
    said = dict(ways(Time(19, 30), "en", exact=False))
    assert said["seven thirty"] == Time(7, 30)
    assert said["19:30"] == Time(19, 30)
