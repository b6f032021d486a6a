"""Quick grades while training say what the evaluation would say of the same answers."""

from dataclasses import replace

import pytest
import torch

from training.batches import Batch
from training.example import Turn, asked
from training.grading import grade
from training.packing import Packer

LENGTH = 160
PACKER = Packer()
TAP = Turn(
    "tap", asked("Tap Pay"), 'do(action="Tap", element=[200,250])', "I see it.", box=(100, 200, 300, 400)
)
LABEL = Turn("read", asked("What is it?"), "Pay", "I read.")


def graded(turn: Turn, answer: str, is_thinking: bool = False, thinking: str = "") -> bool:
    """Of an answer of as many tokens as the turn's own."""
    said = replace(turn, answer=answer, thinking=thinking or turn.thinking)
    branch, other = (PACKER.branch(each, None, is_thinking)[1] for each in (turn, said))
    row, found = (PACKER.row([], 0, [each], LENGTH) for each in (branch, other))
    assert (row.weights == found.weights).all()
    names = ("token_ids", "targets", "positions", "branches")
    tensors = {name: torch.from_numpy(getattr(row, name))[None].long() for name in names}
    weights = torch.from_numpy(row.weights)[None]
    predicted = weights.flatten().nonzero()[:, 0]
    batch = Batch("text", **tensors, weights=weights, predicted=predicted, turns=((turn,),))
    ((kind, is_right),) = grade(batch, torch.from_numpy(found.targets).long()[predicted], PACKER)
    assert kind == turn.kind
    return is_right


def test_an_answer_is_right_token_by_token() -> None:
    assert graded(LABEL, "Pay")
    assert not graded(LABEL, "Map")


@pytest.mark.parametrize("is_thinking", [False, True])
def test_a_tap_is_right_anywhere_in_its_box(is_thinking: bool) -> None:
    assert graded(TAP, 'do(action="Tap", element=[300,201])', is_thinking)
    assert not graded(TAP, 'do(action="Tap", element=[301,250])', is_thinking)


@pytest.mark.parametrize("is_thinking", [False, True])
def test_another_action_in_the_box_is_wrong(is_thinking: bool) -> None:
    assert not graded(TAP, 'do(action="Swipe", element=[200,250])', is_thinking)


def test_a_tap_may_be_thought_about_in_other_words() -> None:
    assert graded(TAP, TAP.answer, is_thinking=True, thinking="I see me.")
