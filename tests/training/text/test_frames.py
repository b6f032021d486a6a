import random
from collections import Counter

import pytest

from training.text.frames import frames, phrasings


def test_frame_with_many_sentences_comes_more_often() -> None:
    lines = frames("(a|b|c|d) (a|b|c|d)\nx")  # sixteen sentences, and one
    choices = phrasings({("train", "en"): lines})
    rng = random.Random(0)
    drawn = Counter(choices.choose(rng, "train", "en").sample(rng) == "x" for _ in range(6_000))
    assert 0.15 < drawn[True] / 6_000 < 0.18  # 1 : 1 + log2(16)


def test_frame_says_each_of_its_sentences() -> None:
    (frame,) = frames("*(open|start)[ up] {app}")
    assert frame.is_request
    assert set(frame.sentences()) == {"open {app}", "open up {app}", "start {app}", "start up {app}"}


def test_question_form_stands_for_each_of_its_list() -> None:
    (frame,) = frames("<how> open {app}?", {"how": ("how to", "how do i")})
    assert [*frame.sentences()] == ["how to open {app}?", "how do i open {app}?"]


@pytest.mark.parametrize("line", ["(open", "open)", "a|b", "(a]", "[a)"])
def test_frame_with_unbalanced_brackets_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        frames(line)


@pytest.mark.parametrize("line", ["<why> {app}?", "[tap it]", "*[tap it]"])
def test_frame_that_is_none_is_an_error_that_shows_it(line: str) -> None:
    with pytest.raises(ValueError) as error:
        frames(f"tap it\n{line}", {"how": ("how to",)})
    assert line in str(error.value)
