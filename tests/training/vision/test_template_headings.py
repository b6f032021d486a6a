"""A heading of templates.txt that is not quite one is found, not read as a phrasing."""

import random

import pytest

from training.vision.templates import parse_templates

TEXT = """
[tap en train]
[please ](tap|press) it[ now]

[tap en held_out]
touch it

[tap zh train]
点它

[tap zh held_out]
按它
"""


def test_phrasings_stand_under_the_headings_of_their_kind() -> None:
    tap = parse_templates(TEXT)["tap"]
    assert tap.choose(random.Random(0), "held_out", "zh").sample(random.Random(0)) == "按它"
    (frame,) = tap.frames["train", "en"]
    assert {"tap it", "please press it now"} < set(frame.sentences())


@pytest.mark.parametrize(
    "line", ["[tap en trian]", "[tap de train]", "[Tap en train]", "[tap en]", "[tap en train ]"]
)
def test_a_mistyped_heading_is_an_error_that_shows_it(line: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_templates(f"{TEXT}\n{line}\npress it\n")
    assert line in str(error.value)


def test_a_heading_that_stands_twice_is_an_error_that_shows_it() -> None:
    with pytest.raises(ValueError) as error:
        parse_templates(f"{TEXT}\n[tap zh train]\n轻触它\n")
    assert "[tap zh train]" in str(error.value)


def test_a_phrasing_before_any_heading_is_an_error_that_shows_it() -> None:
    with pytest.raises(ValueError) as error:
        parse_templates(f"press it\n{TEXT}")
    assert "press it" in str(error.value)
