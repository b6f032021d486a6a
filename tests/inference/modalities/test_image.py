"""Grids that keep a picture's shape, and patches that hold its pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.modalities.image import fit_grid, patches_from_pixels

SIDES = st.integers(1, 10_000)


@given(height=SIDES, width=SIDES)
def test_a_grid_is_never_empty_and_never_beyond_the_limit(height: int, width: int) -> None:
    rows, columns = fit_grid(height, width, cell_size=32, max_cells=256)
    assert rows >= 1
    assert columns >= 1
    assert rows * columns <= 256


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((64, 96), (2, 3)),  # as it is
        ((2400, 1080), (23, 11)),  # a phone's screen
        ((1080, 2400), (11, 23)),
        ((5, 5), (1, 1)),
        ((20_000, 10), (256, 1)),
    ],
)
def test_a_grid_keeps_the_aspect_ratio(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert fit_grid(*size, cell_size=32, max_cells=256) == grid


def test_a_patch_is_laid_out_channel_by_channel_and_row_by_row() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    patches = patches_from_pixels(pixels, rows=2, columns=3, patch_size=4)
    assert patches.shape == (2, 3, 48)
    expected = torch.from_numpy(pixels[4:8, 8:12].transpose(2, 0, 1).flatten() / 127.5 - 1.0).float()
    torch.testing.assert_close(patches[1, 2], expected)


def test_resizing_fills_the_whole_grid_so_that_relative_places_stay() -> None:
    pixels = np.zeros((100, 300, 3), dtype=np.uint8)
    pixels[50:, 150:] = 255  # the lower right quarter
    patches = patches_from_pixels(pixels, rows=4, columns=4, patch_size=8)
    brightness = patches.mean(dim=-1)
    assert (brightness[2:, 2:] > 0.8).all()
    assert (brightness[:2] < -0.8).all()
    assert (brightness[:, :2] < -0.8).all()
