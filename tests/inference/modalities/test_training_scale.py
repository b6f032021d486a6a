"""The embedded model's training pictures have the scale of the pictures that it is served with."""

import pytest

from inference.modalities.image import fit_grid
from training.architecture import VISION
from training.vision import sizes


def test_the_training_layout_has_the_cells_of_the_vision_tower():
    assert VISION.patch_size * VISION.merge_size == sizes.CELL
    assert VISION.max_tokens == sizes.MAX_CELLS


@pytest.mark.parametrize("size", [*sizes.SCREENS["train"], *sizes.SCREENS["held_out"]])
def test_a_unit_of_the_training_layout_is_a_pixel_of_the_resized_picture(size):
    rows, columns = fit_grid(size[1], size[0], sizes.CELL, sizes.MAX_CELLS)
    width, height = sizes.units_of(size)
    assert width == pytest.approx(columns * sizes.CELL, rel=0.08)
    assert height == pytest.approx(rows * sizes.CELL, rel=0.08)
