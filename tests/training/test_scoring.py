"""What counts as right: the letter, a place inside the box, words of a transcript."""

import pytest

from training.example import Turn, asked
from training.held_out import Item
from training.scoring import score


def item(answer: str, box: tuple[int, int, int, int] | None = None) -> Item:
    return Item("any", Turn("kind", asked("?"), answer, box=box))


def test_an_answer_is_right_to_the_letter() -> None:
    result = score("labels read", [(item("Pay"), "Pay\n"), (item("Pay"), "pay"), (item("Pay"), "Pay now")])
    assert result.value == pytest.approx(100 / 3)
    assert result.kinds == {"kind": (1, 3)}
    assert [answer for _, answer in result.wrong] == ["pay", "Pay now"]


TAP = 'do(action="Tap", element=[200,250])'


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ('do(action="Tap", element=[100,200])', 100),
        ('do(action="Tap", element=[300,400])\n', 100),
        ('do(action="Tap", element=[301,400])', 0),
        ('do(action="Tap", element=[200,99])', 0),
        ("The button.", 0),
    ],
)
def test_a_tap_is_right_inside_its_box(answer: str, share: float) -> None:
    assert score("taps", [(item(TAP, (100, 100, 300, 400)), answer)]).value == share


@pytest.mark.parametrize(
    "answer",
    [
        'do(action="Long Press", element=[200,250])',
        'do(action="Double Tap", element=[200,250])',
        "element=[200,250]",
        'do(action="Tap", element=[200,250]',
        'do(action="Tap", element=[200,250]) now',
        'I do(action="Tap", element=[200,250])',
        'do(action="Tap", element=[2000,250])',
    ],
)
def test_the_right_place_of_another_action_or_in_other_text_is_wrong(answer: str) -> None:
    assert score("taps", [(item(TAP, (100, 100, 300, 400)), answer)]).value == 0


def test_transcripts_count_wrong_words_or_characters() -> None:
    assert score("english transcripts", [(item("open the maps app"), "open a maps app")]).value == 25
    assert score("chinese transcripts", [(item("打开地图"), "打开地铁")]).value == 25
