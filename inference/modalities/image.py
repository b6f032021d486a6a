"""Resizes and normalises decoded pictures for a vision tower. Pure functions."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def fit_grid(height: int, width: int, cell_size: int, max_cells: int) -> tuple[int, int]:
    """Returns how many (rows, columns) of square cells a picture is resized to.

    As many cells as the picture's size needs, at most `max_cells`, in about the same aspect ratio. The
    picture fills the whole grid, so relative coordinates do not change.
    """
    rows, columns = height / cell_size, width / cell_size
    shrink = min(1.0, math.sqrt(max_cells / (rows * columns)))
    grid_rows = max(1, round(rows * shrink))
    grid_columns = max(1, round(columns * shrink))
    if grid_rows * grid_columns > max_cells:  # after rounding up, or with a very long side
        if grid_rows > grid_columns:
            grid_rows = max_cells // grid_columns
        else:
            grid_columns = max_cells // grid_rows
    return grid_rows, grid_columns


def fit_size(height: int, width: int, cell_size: int, max_cells: int) -> tuple[int, int]:
    """Returns the (height, width) of `fit_grid`'s cells in pixels."""
    rows, columns = fit_grid(height, width, cell_size, max_cells)
    return rows * cell_size, columns * cell_size


def resize(pixels: NDArray[np.uint8], height: int, width: int) -> Tensor:
    """pixels (H, W, 3) -> (3, height, width) uint8."""
    picture = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    return functional.interpolate(picture, (height, width), mode="bicubic", antialias=True)[0]


def normalise(pictures: Tensor) -> Tensor:
    """uint8 of any shape -> float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1.0
