"""Where a picture's writing, icons and shapes lie, told in tokens to each of its cells."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch.nn import functional

from training.architecture import VISION
from training.cells import MOST_TOKENS, NOTHING, cells_in_boxes, tokens_in_cells
from training.example import FRAME, Mark
from training.forward import BLANK, EMPTY_CELL_WEIGHT, reading_loss
from training.tokenizer import read_text_tokenizer

TOKENIZER = read_text_tokenizer()


def cells(marks: Sequence[Mark], rows: int, columns: int) -> list[list[str]]:
    """What each cell says, row by row."""
    found = tokens_in_cells(marks, rows, columns, TOKENIZER)
    assert found.shape == (rows * columns, MOST_TOKENS)
    said = [
        "".join(TOKENIZER.decode([token]) for token in cell if token != NOTHING) for cell in found.tolist()
    ]
    return [said[row * columns : (row + 1) * columns] for row in range(rows)]


def test_writing_runs_from_left_to_right_through_the_row_of_its_middle() -> None:
    found = cells([Mark("Only you can see this", (0.1, 0.3, 0.9, 0.45), is_writing=True)], 4, 8)
    assert [any(row) for row in found] == [False, True, False, False]
    assert "".join(found[1]) == "Only you can see this"
    assert sum(map(bool, found[1])) >= 3


def test_an_icon_is_in_every_cell_whose_middle_it_covers() -> None:
    found = cells([Mark("bell", (0.3, 0.3, 0.8, 0.7), is_writing=False)], 4, 4)
    assert found == [[""] * 4, ["", "bell", "bell", ""], ["", "bell", "bell", ""], [""] * 4]


def test_a_small_icon_is_in_one_cell() -> None:
    found = cells([Mark("bell", (0.05, 0.05, 0.1, 0.1), is_writing=False)], 2, 2)
    assert found == [["bell", ""], ["", ""]]


def test_what_lies_outside_or_is_too_much_is_left_out() -> None:
    outside = Mark("bell", (0.9, -0.4, 1.4, -0.1), is_writing=False)
    crowd = [Mark(text, (0, 0, 1, 1), is_writing=False) for text in "一二三四五六七八九"]
    assert cells([outside], 2, 2) == [["", ""], ["", ""]]
    assert cells(crowd, 1, 1) == [["一二三四五六"]]


def test_each_token_of_a_cell_is_equally_right_and_empty_cells_count_little() -> None:
    torch.manual_seed(0)
    scores = torch.randn(1, 3, BLANK + 1)
    contents = torch.tensor([[[7, 9], [5, NOTHING], [NOTHING, NOTHING]]])
    losses = [
        functional.cross_entropy(scores[0, cell], torch.tensor(token))
        for cell, token in ((0, 7), (0, 9), (1, 5), (2, BLANK))
    ]
    both = (losses[0] + losses[1]) / 2
    expected = (both + losses[2] + EMPTY_CELL_WEIGHT * losses[3]) / (2 + EMPTY_CELL_WEIGHT)
    assert math.isclose(reading_loss(scores, contents), expected, rel_tol=1e-5)


@pytest.mark.parametrize("cell", [0, 1, 2])
def test_more_of_what_is_there_is_a_smaller_loss(cell: int) -> None:
    contents = torch.tensor([[[7, 9], [5, NOTHING], [NOTHING, NOTHING]]])
    scores = torch.zeros(1, 3, BLANK + 1)
    before = reading_loss(scores, contents)
    scores[0, cell, (9, 5, BLANK)[cell]] += 1
    assert reading_loss(scores, contents) < before


@pytest.mark.parametrize(
    "box", [(100, 300, 900, 450), (510, 510, 530, 520), (0, 0, 999, 999), (880, 0, 999, 60)]
)
def test_a_box_covers_the_cells_that_an_icon_there_would_be_seen_in(box: tuple[int, ...]) -> None:
    rows, columns, cell = 4, 8, VISION.cell_size
    left, top, right, bottom = (value / FRAME for value in box)
    seen = cells([Mark("Home", (left, top, right, bottom), is_writing=False)], rows, columns)
    covered = cells_in_boxes(torch.tensor([box]), rows * cell, columns * cell)
    assert covered.view(rows, columns).tolist() == [[bool(said) for said in row] for row in seen]


def test_what_is_nowhere_covers_no_cell() -> None:
    assert not cells_in_boxes(torch.tensor([[-1, -1, -1, -1]]), 64, 96).any()
