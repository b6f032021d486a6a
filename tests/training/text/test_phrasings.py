import importlib
import pkgutil
import random
from collections import Counter
from collections.abc import Iterator

import pytest

import training.text
from training.example import Language
from training.text.facts import Fact
from training.text.frames import Phrasings, frames, phrasings

from ..phrasing_distance import neighbours, trained_questions


def named_phrasings() -> Iterator[tuple[str, Phrasings]]:
    for module in pkgutil.iter_modules(training.text.__path__):
        loaded = importlib.import_module(f"training.text.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, Fact):
                value = value.phrasing
            if isinstance(value, Phrasings):
                yield f"{module.name}.{name}", value
            elif name == "ENDS":
                yield from ((f"{module.name}.{name}.{way}", each) for way, each in value.items())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("name", "phrasing"), [*named_phrasings()])
def test_held_out_phrasings_differ_from_trained_ones_in_two_words(
    name: str, phrasing: Phrasings, language: Language
) -> None:
    trained = trained_questions([phrasing], language)
    held_out = [s for frame in phrasing.frames["held_out", language] for s in frame.sentences()]
    assert len(held_out) >= 2
    near = {sentence: neighbours(sentence, trained, language) for sentence in held_out}
    assert not {sentence: found for sentence, found in near.items() if found}


def test_frame_with_many_sentences_comes_more_often() -> None:
    lines = "(a|b|c|d) (a|b|c|d)\nx"  # sixteen sentences, and one
    choices = phrasings(train_en=lines, train_zh="x", held_out_en="x", held_out_zh="x")
    rng = random.Random(0)
    drawn = Counter(choices.choose(rng, "train", "en").sample(rng) == "x" for _ in range(6_000))
    assert 0.15 < drawn[True] / 6_000 < 0.18  # 1 : 1 + log2(16)


def test_frame_says_each_of_its_sentences() -> None:
    (frame,) = frames("*(open|start)[ up] {app}")
    assert frame.is_request
    assert set(frame.sentences()) == {"open {app}", "open up {app}", "start {app}", "start up {app}"}


@pytest.mark.parametrize("line", ["(open", "open)", "a|b", "(a]", "[a)"])
def test_frame_with_unbalanced_brackets_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        frames(line)
