import importlib
import pkgutil
import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest

import training.text
from training.example import Language
from training.text.facts import Fact
from training.text.frames import Phrasings, frames, phrasings
from training.text.manners import MANNERS

SIGNS = re.compile(r"[^\w\s{}']")


def named_phrasings() -> Iterator[tuple[str, Phrasings]]:
    for module in pkgutil.iter_modules(training.text.__path__):
        loaded = importlib.import_module(f"training.text.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, Fact):
                value = value.phrasing
            if isinstance(value, Phrasings):
                yield f"{module.name}.{name}", value


def bare(sentence: str, language: Language) -> str:
    """Without what a careless writer leaves out."""
    return ("" if language == "zh" else " ").join(SIGNS.sub(" ", sentence.lower()).split())


def trained_cores(sentence: str, language: Language) -> Iterator[str]:
    """What may be left of `sentence` when the polite words of training are taken off."""
    manners = MANNERS["train", language]
    befores = ["", *manners.before, *manners.fillers, *manners.before_questions]
    afters = ["", *manners.after]
    for before in (bare(words, language) for words in befores):
        for after in (bare(words, language) for words in afters):
            if sentence.startswith(before) and sentence.endswith(after):
                yield sentence[len(before) : len(sentence) - len(after)].strip()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("name", "phrasing"), [*named_phrasings()])
def test_no_phrasing_is_in_both_splits(name: str, phrasing: Phrasings, language: Language) -> None:
    def sentences(split: str) -> set[str]:
        return {bare(s, language) for frame in phrasing.frames[split, language] for s in frame.sentences()}

    trained = sentences("train")
    both = {s for s in sentences("held_out") if not trained.isdisjoint(trained_cores(s, language))}
    assert not both


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
