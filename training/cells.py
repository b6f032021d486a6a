"""What stands in each cell of a picture, as tokens, and which cells a box covers.

The one is taught to the vision tower, the other to the decoder's attention.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.loading.tokenizer import TextTokenizer
from training.architecture import VISION
from training.example import FRAME, Mark

MOST_TOKENS = 6  # of a cell; a cell is four letters wide
NOTHING = -1

Place = tuple[float, float]  # shares of width and height


def tokens_in_cells(
    marks: Sequence[Mark], rows: int, columns: int, tokenizer: TextTokenizer
) -> NDArray[np.int16]:
    """Returns (rows * columns, MOST_TOKENS), each cell's tokens first and NOTHING after them."""
    found: list[list[int]] = [[] for _ in range(rows * columns)]
    for mark in marks:
        for token_id, (x, y) in _placed(mark, rows, columns, tokenizer):
            if 0 <= x < 1 and 0 <= y < 1:
                cell = found[int(y * rows) * columns + int(x * columns)]
                if token_id not in cell:
                    cell.append(token_id)
    cells = np.full((rows * columns, MOST_TOKENS), NOTHING, dtype=np.int16)
    for row, tokens in zip(cells, found, strict=True):
        row[: len(tokens)] = tokens[:MOST_TOKENS]
    return cells


def _placed(mark: Mark, rows: int, columns: int, tokenizer: TextTokenizer) -> Iterator[tuple[int, Place]]:
    left, top, right, bottom = mark.box
    token_ids = tokenizer.encode_text(mark.text, is_reply=True)
    if not mark.is_writing:
        for place in _covered(mark, rows, columns):
            yield from ((token_id, place) for token_id in token_ids)
        return
    widths = [max(1, len(tokenizer.decode([token_id]))) for token_id in token_ids]
    start, scale = left, (right - left) / max(1, sum(widths))
    for token_id, width in zip(token_ids, widths, strict=True):
        yield token_id, (start + width * scale / 2, (top + bottom) / 2)
        start += width * scale


def _covered(mark: Mark, rows: int, columns: int) -> Iterator[Place]:
    """The middles of the cells that lie in the box, and its own."""
    left, top, right, bottom = mark.box
    yield (left + right) / 2, (top + bottom) / 2
    for row in range(math.ceil(top * rows - 0.5), math.ceil(bottom * rows - 0.5)):
        for column in range(math.ceil(left * columns - 0.5), math.ceil(right * columns - 0.5)):
            yield (column + 0.5) / columns, (row + 0.5) / rows


def cells_in_boxes(boxes: Tensor, height: int, width: int) -> Tensor:
    """boxes (..., 4) in thousandths -> (..., cells): those whose middle lies in it, and its own.

    None of NOWHERE.
    """
    is_inside = []
    for first, last, side in ((1, 3, height), (0, 2, width)):
        count = side // VISION.cell_size
        low, high = boxes[..., first, None].float(), boxes[..., last, None].float()
        cells = torch.arange(count, device=boxes.device)
        middles = (cells + 0.5) * FRAME / count
        own = ((low + high) / 2 * count / FRAME).floor()
        is_inside.append(((low <= middles) & (middles <= high)) | (cells == own))
    rows, columns = is_inside
    return (rows[..., :, None] & columns[..., None, :]).flatten(-2)
