"""Whether a batch's answers would have been generated: quick grades while training.

An answer is right when each of its tokens is the likeliest one after those before it, which is when
greedy decoding writes it. A tap is right when it is the same action at a place in the box.
"""

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from training.batches import Batch
from training.example import Turn
from training.packing import Packer

Grades = dict[str, tuple[float, int]]  # kind -> share that is right, of how many
ACTION_AT_PLACE = re.compile(r"(.*element=)\[(\d{1,3}),(\d{1,3})\]\)")
REPLY = re.compile(r"(?:.*</think>)?<answer>(.*)</answer>", re.DOTALL)


def grade(batch: Batch, predicted: Tensor, packer: Packer) -> Iterator[tuple[str, bool]]:
    """Yields (kind, is_right) of every turn. Both as they were, on the CPU."""
    is_answer = batch.weights == 1.0
    tokens = torch.zeros_like(batch.targets).flatten().scatter(0, batch.predicted, predicted)
    tokens = tokens.view_as(batch.targets)
    for row, turns in enumerate(batch.turns):
        for number, turn in enumerate(turns, start=1):
            where = (batch.branches[row] == number) & is_answer[row]
            expected, found = batch.targets[row][where], tokens[row][where]
            if turn.box is not None:
                reply = REPLY.fullmatch(packer.tokenizer.decode(found.tolist()))
                yield turn.kind, reply is not None and is_inside(reply[1], turn)
            else:
                yield turn.kind, bool((expected == found).all())


def is_inside(answer: str, turn: Turn) -> bool:
    """Whether it is the turn's action, whole, at a place in the turn's box."""
    found, expected = ACTION_AT_PLACE.fullmatch(answer), ACTION_AT_PLACE.fullmatch(turn.answer)
    if turn.box is None or found is None or expected is None or found[1] != expected[1]:
        return False
    x, y = int(found[2]), int(found[3])
    left, top, right, bottom = turn.box
    return left <= x <= right and top <= y <= bottom
