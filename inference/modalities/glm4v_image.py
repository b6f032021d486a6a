"""Prepares pictures for Glm4v's tower. Pure functions, equal to transformers' processor."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

LARGEST_ASPECT_RATIO = 200  # transformers refuses longer pictures; here they are squeezed


@dataclass(frozen=True, slots=True)
class Glm4vImageConfig:
    """preprocessor_config.json. `min_pixels` and `max_pixels` count a picture `temporal_patch_size` times."""

    patch_size: int = 14
    temporal_patch_size: int = 2
    merge_size: int = 2
    min_pixels: int = 112 * 112
    max_pixels: int = 28 * 28 * 15_000
    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)

    @property
    def cell_size(self) -> int:
        """Side of the square that becomes one token, in pixels."""
        return self.patch_size * self.merge_size


def fit_size(height: int, width: int, config: Glm4vImageConfig) -> tuple[int, int]:
    """Returns the (height, width) that a picture is resized to, multiples of the cell size."""
    cell, frames = config.cell_size, config.temporal_patch_size
    height = max(height, -(-width // LARGEST_ASPECT_RATIO))
    width = max(width, -(-height // LARGEST_ASPECT_RATIO))
    if height < cell or width < cell:
        scale = max(cell / height, cell / width)
        height, width = int(height * scale), int(width * scale)
    fitted_height, fitted_width = round(height / cell) * cell, round(width / cell) * cell
    if frames * fitted_height * fitted_width > config.max_pixels:
        shrink = math.sqrt(frames * height * width / config.max_pixels)
        fitted_height = max(cell, math.floor(height / shrink / cell) * cell)
        fitted_width = max(cell, math.floor(width / shrink / cell) * cell)
    elif frames * fitted_height * fitted_width < config.min_pixels:
        grow = math.sqrt(config.min_pixels / (frames * height * width))
        fitted_height = math.ceil(height * grow / cell) * cell
        fitted_width = math.ceil(width * grow / cell) * cell
    return fitted_height, fitted_width


def glm4v_patches(
    pixels: NDArray[np.uint8],
    height: int,
    width: int,
    config: Glm4vImageConfig,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - immutable
) -> Tensor:
    """pixels (H, W, 3) -> (patches, 3 * temporal_patch_size * patch_size ** 2) float32 on `device`.

    On an accelerator everything runs there, the resizing in floats with rounding.
    Patches that merge into one token are adjacent; the order within a patch is channel, time, row, column.
    """
    uploaded = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    picture = uploaded.permute(2, 0, 1)[None]  # (1, 3, H, W)
    if picture.shape[2:] != (height, width):
        picture = _resize(picture, height, width)
    mean, std = (
        (torch.tensor(values)[:, None, None] * 255.0).to(device) for values in (config.mean, config.std)
    )
    normalised = (picture[0].float() - mean) / std
    patch, merge = config.patch_size, config.merge_size
    rows, columns = height // config.cell_size, width // config.cell_size
    patches = normalised.view(3, rows, merge, patch, columns, merge, patch).permute(1, 4, 2, 5, 0, 3, 6)
    # (rows, columns, merge, merge, 3, time, patch, patch): a picture is the same at every time
    still = patches.unsqueeze(5).expand(-1, -1, -1, -1, -1, config.temporal_patch_size, -1, -1)
    return still.reshape(rows * columns * merge**2, -1)


def _resize(picture: Tensor, height: int, width: int) -> Tensor:
    """(1, 3, H, W) uint8 -> (1, 3, height, width), whole numbers."""
    if picture.device.type == "cpu":
        return functional.interpolate(picture, (height, width), mode="bicubic", antialias=True)
    resized = functional.interpolate(picture.float(), (height, width), mode="bicubic", antialias=True)
    return resized.round_().clamp_(0, 255)
