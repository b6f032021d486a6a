"""The embedded model is trained on pictures laid out at the scale at which it will see others."""

import pytest

from inference.modalities.image import fit_grid
from training.architecture import VISION
from training.vision import sizes


def test_the_layout_knows_the_cells_of_the_vision_tower():
    assert VISION.patch_size * VISION.merge_size == sizes.CELL
    assert VISION.max_tokens == sizes.MAX_CELLS


@pytest.mark.parametrize("size", [*sizes.SCREENS["train"], *sizes.SCREENS["held_out"]])
def test_a_unit_of_layout_is_a_pixel_of_what_the_model_sees(size):
    rows, columns = fit_grid(size[1], size[0], sizes.CELL, sizes.MAX_CELLS)
    width, height = sizes.units_of(size)
    assert width == pytest.approx(columns * sizes.CELL, rel=0.08)
    assert height == pytest.approx(rows * sizes.CELL, rel=0.08)
