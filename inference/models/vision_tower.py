"""Patches of one picture to 768-wide visual features."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inference.models.transformer import TransformerBlock, wave_features

VISUAL_WIDTH = 768
COORDINATES = 100.0  # the picture's height and width in units of position features


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """`hidden_size` * `merge_size` ** 2 is 768: neighbouring patches side by side make one feature."""

    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    patch_size: int  # pixels
    merge_size: int  # patches
    max_tokens: int  # per picture

    @property
    def cell_size(self) -> int:
        """Side of the square that becomes one token, in pixels."""
        return self.patch_size * self.merge_size


class VisionTower(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embedding = nn.Linear(3 * config.patch_size**2, config.hidden_size)
        self.layers = nn.ModuleList(
            TransformerBlock(config.hidden_size, config.num_heads, config.intermediate_size)
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, patches: Tensor) -> Tensor:
        """(rows, columns, patch) -> (rows * columns / merge_size ** 2, 768), row by row."""
        rows, columns, _ = patches.shape
        merge = self.config.merge_size
        grid = self.patch_embedding(patches)
        places = position_features(rows, columns, self.config.hidden_size, patches.device)
        hidden = (grid + places.to(grid.dtype)).flatten(0, 1)
        for layer in self.layers:
            hidden = layer(hidden)
        merged: Tensor = self.norm(hidden).view(rows // merge, merge, columns // merge, merge, -1)
        return merged.transpose(1, 2).reshape(-1, VISUAL_WIDTH)


def position_features(rows: int, columns: int, width: int, device: torch.device) -> Tensor:
    """(rows, columns, width): where a patch lies as a share of height and of width.

    Shares, not counts, because that is how an answer names the place to tap.
    """
    downward, rightward = (
        wave_features(
            (torch.arange(count, device=device) + 0.5) / count * COORDINATES, width // 2, COORDINATES
        )
        for count in (rows, columns)
    )
    grid = (rows, columns, -1)
    return torch.cat([downward[:, None].expand(grid), rightward[None].expand(grid)], dim=-1)
