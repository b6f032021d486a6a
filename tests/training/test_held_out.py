"""The evaluation's questions: as many as asked of each group, the same each time."""

import pytest

from training.held_out import GROUPS, NEW_PAIRS, UNSEEN_WORDS, held_out_items


@pytest.mark.slow
def test_each_group_has_as_many_questions_as_asked_and_the_same_ones_again() -> None:
    items = held_out_items(4, 1, list(GROUPS))
    counts = dict.fromkeys(GROUPS, 4) | {NEW_PAIRS: 2, UNSEEN_WORDS: 2}
    assert {group: sum(item.group == group for item in items) for group in GROUPS} == counts
    again = held_out_items(4, 1, list(GROUPS))
    assert [(item.group, item.turn) for item in items] == [(item.group, item.turn) for item in again]
    assert {item.media is None for item in items if "text" in item.group or "identity" in item.group} == {
        True
    }


def test_only_the_groups_asked_for_are_made() -> None:
    assert {item.group for item in held_out_items(3, 1, ["text actions"])} == {"text actions"}


@pytest.mark.slow
def test_a_groups_questions_do_not_depend_on_the_others() -> None:
    together = held_out_items(4, 1, ["taps", "labels read", "spoken commands", "english transcripts"])
    for group in ("taps", "spoken commands"):
        alone = [item.turn for item in held_out_items(4, 1, [group])]
        assert [item.turn for item in together if item.group == group] == alone
