import random
import re
from collections import Counter
from functools import cache

import pytest

from inference.types import Message, Text
from training.example import Language, Split, Turn
from training.text.apps import random_app
from training.text.copied_text import COMMON_ZH, copied_text
from training.text.examples import INTENT_KINDS, SUBJECTS, held_out_turns, text_turn
from training.text.phrasings import words
from training.text.speaker import Speaker

WORD = re.compile(r"[\u4e00-\u9fff]|[a-z']+|\d|[^\sa-z\d\u4e00-\u9fff]")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"element=\[(\d+),(\d+)\]")


@cache
def trained() -> list[Turn]:
    rng = random.Random(0)
    return [text_turn(rng, "train") for _ in range(60_000)]


@cache
def held_out() -> list[Turn]:
    return held_out_turns(seed=1, count_per_kind=400)


def text_of(message: Message) -> str:
    (part,) = message.parts
    assert isinstance(part, Text)
    return part.text


def question(turn: Turn) -> str:
    return text_of(turn.messages[-1])


def bare(sentence: str) -> str:
    return " ".join(re.sub(r"[?.!？。！]+$", "", sentence.lower()).split())


def test_no_held_out_question_is_trained_on() -> None:
    seen = {bare(question(turn)) for turn in trained()}
    assert not [question(turn) for turn in held_out() if bare(question(turn)) in seen]


def test_held_out_questions_are_made_of_trained_words() -> None:
    known = {word for turn in trained() for word in WORD.findall(question(turn).lower())}
    asked = [word for turn in held_out() for word in WORD.findall(question(turn).lower())]
    assert sum(word in known for word in asked) >= 0.99 * len(asked)


def test_a_question_has_one_answer() -> None:
    answers: dict[str, Turn] = {}
    for turn in trained() + held_out():
        first = answers.setdefault(question(turn), turn)
        assert first.answer == turn.answer, (first, turn)


def test_held_out_turns_are_the_same_for_a_seed_and_cover_each_subject() -> None:
    turns = held_out_turns(seed=3, count_per_kind=4)
    assert turns == held_out_turns(seed=3, count_per_kind=4)
    assert turns != held_out_turns(seed=4, count_per_kind=4)
    kinds = Counter(turn.kind for turn in turns)
    assert len(kinds) == len(SUBJECTS)
    assert set(kinds.values()) == {4}


def test_conversations_end_with_the_question_and_alternate() -> None:
    for turn in trained()[:5_000] + held_out():
        roles = [message.role for message in turn.messages]
        if roles[0] == "system":
            roles = roles[1:]
        assert roles == [("user", "assistant")[index % 2] for index in range(len(roles))]
        assert roles[-1] == "user"
        assert all(text_of(message).strip() for message in turn.messages)
        assert turn.answer


def test_some_conversations_have_a_system_prompt_and_some_a_history() -> None:
    turns = trained()
    with_prompt = sum(turn.messages[0].role == "system" for turn in turns) / len(turns)
    with_history = sum(any(m.role == "assistant" for m in turn.messages) for turn in turns) / len(turns)
    assert 0.13 < with_prompt < 0.17
    assert 0.08 < with_history < 0.12


def test_half_of_the_questions_are_chinese() -> None:
    turns = trained()
    chinese = sum(bool(CHINESE.search(turn.thinking)) for turn in turns) / len(turns)
    assert 0.48 < chinese < 0.52


def test_each_turn_has_one_short_thought() -> None:
    for turn in trained()[:5_000]:
        assert 0 < len(turn.thinking) < 80
        assert turn.thinking.endswith((".", "。"))


def test_intents_are_answered_with_actions_and_nothing_else_is() -> None:
    for turn in trained():
        is_action = turn.answer.startswith(("do(action=", "finish(message="))
        assert is_action == (turn.kind in INTENT_KINDS), turn


@pytest.mark.parametrize("kind", ["tap", "long_press", "double_tap"])
def test_coordinates_are_those_of_the_question(kind: str) -> None:
    for turn in trained():
        if turn.kind == kind:
            place = PLACE.search(turn.answer)
            assert place is not None
            numbers = re.findall(r"\d+", question(turn))
            if not numbers:
                assert any(
                    name in question(turn) for names in words("pointing")["middle"].values() for name in names
                )
            assert list(place.groups()) == (numbers or ["500", "500"])
            assert all(0 <= int(number) <= 999 for number in place.groups())


def test_copied_text_stands_in_the_question() -> None:
    for turn in trained():
        if turn.kind == "repeat":
            assert turn.answer in question(turn)
        if turn.kind == "type":
            assert turn.answer.removeprefix('do(action="Type", text="').removesuffix('")') in question(turn)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_held_out_speakers_have_sentences_and_apps_of_their_own(language: Language) -> None:
    """Copying is shown by what cannot be known by heart."""
    sentences, phrases = words("copied_text")["sentences"][language], words("copied_text")["phrases"]
    apps, known = words("apps")["others"][language], words("apps")["known"]
    assert len(set(sentences)) == len(sentences) >= 40
    assert not {*sentences} & {*phrases["en"], *phrases["zh"]}
    assert not {*apps} & {*known["en"], *known["zh"]}
    shares: dict[Split, float] = {"train": 0.0, "held_out": 0.5}
    for split, share in shares.items():
        speaker = Speaker(random.Random(3), split, language)
        said = [copied_text(speaker) in sentences for _ in range(2000)]
        named = [random_app(speaker)[1] in apps for _ in range(2000)]
        assert sum(said) / 2000 == pytest.approx(share, abs=0.05)
        assert (sum(named) > 100) == (split == "held_out")
        assert split == "held_out" or not any(named)


def test_half_of_what_is_copied_in_training_makes_no_sense() -> None:
    speaker = Speaker(random.Random(4), "train", "zh")
    lists = words("copied_text")
    known = {*"".join(word for name in ("phrases", "words", "people") for word in lists[name]["zh"])}
    texts = [copied_text(speaker) for _ in range(2000)]
    unusual = sum(any(char in COMMON_ZH and char not in known for char in text) for text in texts)
    assert unusual > 600


def test_sums_in_figures_are_right() -> None:
    sums = {"+": int.__add__, "-": int.__sub__, "×": int.__mul__, "x": int.__mul__, "*": int.__mul__}
    checked = 0
    for turn in trained() + held_out():
        if turn.kind == "arithmetic" and (found := re.search(r"(\d+) ?([-+×x*]) ?(\d+)", question(turn))):
            first, sign, second = found.groups()
            assert int(turn.answer) == sums[sign](int(first), int(second)), turn
            checked += 1
    assert checked > 500
