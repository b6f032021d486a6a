"""Decoded pictures to what a vision tower takes. Pure functions; knows nothing of towers or tokens."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def fit_grid(height: int, width: int, cell_size: int, max_cells: int) -> tuple[int, int]:
    """Returns how many (rows, columns) of square cells a picture is resized to.

    As many as its size asks for, at most `max_cells`, and the aspect ratio as nearly as cells allow.
    The whole picture fills the whole grid, so a relative coordinate means the same before and after.
    """
    rows, columns = height / cell_size, width / cell_size
    shrink = min(1.0, math.sqrt(max_cells / (rows * columns)))
    grid_rows = max(1, round(rows * shrink))
    grid_columns = max(1, round(columns * shrink))
    if grid_rows * grid_columns > max_cells:  # rounding up, or a very long side
        if grid_rows > grid_columns:
            grid_rows = max_cells // grid_columns
        else:
            grid_columns = max_cells // grid_rows
    return grid_rows, grid_columns


def fit_size(height: int, width: int, cell_size: int, max_cells: int) -> tuple[int, int]:
    """Returns the (height, width) in pixels of `fit_grid`'s cells."""
    rows, columns = fit_grid(height, width, cell_size, max_cells)
    return rows * cell_size, columns * cell_size


def resize(pixels: NDArray[np.uint8], height: int, width: int) -> Tensor:
    """pixels (H, W, 3) -> (3, height, width) uint8."""
    picture = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    return functional.interpolate(picture, (height, width), mode="bicubic", antialias=True)[0]


def normalise(pictures: Tensor) -> Tensor:
    """uint8 of any shape -> float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1.0
