"""The files of `training/phrasings`, and what is said about one that is wrong."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.example import Language
from training.text.frames import Phrasings
from training.text.phrasings import DIRECTORY, PhrasingsInvalid, read

from ..phrasing_distance import neighbours, trained_questions

FILE = """
thinking.en = "A tap at {}."
thinking.zh = "点{}。"

[tap]
train.en = '''
[please ](tap|press) it[ now]
<how> tap it?
'''
held_out.en = "touch it"
train.zh = "点它"
held_out.zh = "按它"

[hold]
answer.en = "Held."
answer.zh = "按住了。"
thinking.en = "Longer."
thinking.zh = "更久。"
train.en = "hold it"
held_out.en = "keep it"
train.zh = "按住"
held_out.zh = "长按"

[places]
en = ["here", "there"]
zh = ["这里"]

[polite]
train.en = ["please"]
held_out.en = ["kindly"]
"""


def named_phrasings() -> Iterator[tuple[str, Phrasings]]:
    """Those of text; the questions beside media have stricter tests of their own."""
    for path in sorted(DIRECTORY.glob("*.toml")):
        if path.stem not in ("pictures", "recordings"):
            yield from ((f"{path.stem}.{name}", each.phrasings) for name, each in read(path).sayings.items())


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tapping.toml"
    path.write_text(text, "utf-8")
    return path


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


def test_each_file_says_what_it_is_and_can_be_read() -> None:
    for path in DIRECTORY.glob("*.toml"):
        assert path.read_text("utf-8").startswith("# ")
        contents = read(path)
        assert contents.sayings or contents.words or contents.words_by_split


def test_phrasings_stand_under_their_name_split_and_language(tmp_path: Path) -> None:
    tap = read(written(tmp_path, FILE)).sayings["tap"].phrasings
    assert tap.choose(random.Random(0), "held_out", "zh").sample(random.Random(0)) == "按它"
    frame, asked = tap.frames["train", "en"]
    assert {"tap it", "please press it now"} < set(frame.sentences())
    assert "how do i tap it?" in set(asked.sentences())


def test_answers_and_thoughts_are_the_tables_own_or_the_files(tmp_path: Path) -> None:
    sayings = read(written(tmp_path, FILE)).sayings
    assert sayings["tap"].answers == {}
    assert sayings["tap"].thoughts == {"en": "A tap at {}.", "zh": "点{}。"}
    assert sayings["hold"].answers == {"en": "Held.", "zh": "按住了。"}
    assert sayings["hold"].thoughts == {"en": "Longer.", "zh": "更久。"}


def test_words_keep_their_order_and_may_be_of_each_split(tmp_path: Path) -> None:
    contents = read(written(tmp_path, FILE))
    assert contents.words == {"places": {"en": ("here", "there"), "zh": ("这里",)}}
    assert contents.words_by_split == {
        "polite": {"train": {"en": ("please",)}, "held_out": {"en": ("kindly",)}}
    }


@pytest.mark.parametrize(
    ("right", "wrong", "key"),
    [
        ('held_out.en = "touch it"', 'held_uot.en = "touch it"', "tap.held_uot"),
        ('held_out.en = "touch it"', 'held_out.en = "touch it"\nheld.en = "press it"', "tap.held"),
        ('train.zh = "点它"', 'train.zh = "点它"\ntrain.de = "tippe"', "tap.train.de"),
        ('train.zh = "点它"', "", "tap.train"),
        ('train.zh = "点它"', "train.zh = 3", "tap.train.zh"),
        ('train.zh = "点它"', 'train.zh = ""', "tap.train.zh"),
        ('train.zh = "点它"', 'train.zh = " "', "tap.train.zh"),
        ('train.zh = "点它"', 'train.zh = "(点它"', "tap.train.zh"),
        ('train.zh = "点它"', 'train.zh = "<wieso>点它"', "tap.train.zh"),
        ('train.zh = "点它"', 'train.zh = "[点它]"', "tap.train.zh"),
        ('train.zh = "点它"', 'train.zh = ["点它"]', "tap.train"),
        ('answer.zh = "按住了。"', "", "hold.answer"),
        ('thinking.zh = "点{}。"', "", "tap.thinking"),
        ('zh = ["这里"]', "zh = []", "places.zh"),
        ('zh = ["这里"]', 'zh = ["这里", 3]', "places.zh.1"),
        ('zh = ["这里"]', 'zh = [""]', "places.zh.0"),
        ('zh = ["这里"]', 'de = ["hier"]', "places.de"),
        ('held_out.en = ["kindly"]', "", "polite.held_out"),
        ("[tap]", 'version = "1"\n[tap]', "version"),
    ],
)
def test_a_key_that_is_wrong_is_an_error_that_names_it(
    tmp_path: Path, right: str, wrong: str, key: str
) -> None:
    assert right in FILE
    with pytest.raises(PhrasingsInvalid, match=r"^tapping\.toml: ") as error:
        read(written(tmp_path, FILE.replace(right, wrong, 1)))
    complaints = str(error.value).removeprefix("tapping.toml: ").split("; ")
    assert any(complaint.startswith((f"{key}: ", f"{key}.")) for complaint in complaints)


@pytest.mark.parametrize("text", [f'{FILE}\n[tap]\ntrain.en = "press it"\n', f"press it\n{FILE}"])
def test_a_file_that_is_no_toml_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    """Such as a table that stands twice, or a phrasing before any table."""
    with pytest.raises(PhrasingsInvalid, match=r"^tapping\.toml: .*(line|tap)"):
        read(written(tmp_path, text))
