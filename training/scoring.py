"""Scores of a group of answers: shares that are right, or error rates of transcripts, in per cent."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import jiwer

from training.grading import is_inside
from training.held_out import Item

WORD_ERRORS = frozenset({"english transcripts"})
CHARACTER_ERRORS = frozenset({"chinese transcripts"})


@dataclass(frozen=True, slots=True)
class Score:
    """`value` in per cent: right answers, or errors where the group's name says transcripts."""

    value: float
    count: int
    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)  # kind -> right, of how many
    wrong: list[tuple[Item, str]] = field(default_factory=list)


def is_right(item: Item, answer: str) -> bool:
    answer = answer.strip()
    return is_inside(answer, item.turn) if item.turn.box is not None else answer == item.turn.answer


def score(group: str, answers: Sequence[tuple[Item, str]]) -> Score:
    kinds: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    wrong = []
    for item, answer in answers:
        right, count = kinds[item.turn.kind]
        good = is_right(item, answer)
        kinds[item.turn.kind] = (right + good, count + 1)
        if not good:
            wrong.append((item, answer))
    expected = [item.turn.answer for item, _ in answers]
    found = [answer.strip() for _, answer in answers]
    if group in WORD_ERRORS:
        value = 100 * jiwer.wer(expected, found)
    elif group in CHARACTER_ERRORS:
        value = 100 * jiwer.cer(expected, found)
    else:
        value = 100 * (1 - len(wrong) / len(answers))
    return Score(value, len(answers), dict(kinds), wrong)
