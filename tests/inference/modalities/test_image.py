"""Grids that keep a picture's shape, and pictures that fill them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.modalities.image import fit_grid, normalise, resize

SIDES = st.integers(1, 10_000)


@given(height=SIDES, width=SIDES)
def test_a_grid_is_never_empty_and_never_above_the_limit(height: int, width: int) -> None:
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


def test_colours_become_channels_and_rows_stay_rows() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    picture = normalise(resize(pixels, 8, 12))
    assert picture.shape == (3, 8, 12)
    expected = torch.from_numpy(pixels.transpose(2, 0, 1) / 127.5 - 1.0).float()
    torch.testing.assert_close(picture, expected)


def test_resizing_fills_the_whole_grid_so_that_relative_coordinates_stay() -> None:
    pixels = np.zeros((100, 300, 3), dtype=np.uint8)
    pixels[50:, 150:] = 255  # the lower right quarter
    picture = normalise(resize(pixels, 32, 32)).mean(dim=0)
    assert (picture[18:, 18:] > 0.8).all()
    assert (picture[:14] < -0.8).all()
    assert (picture[:, :14] < -0.8).all()
