"""Pixels of pictures to 768-wide visual features."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.models.transformer import TransformerBlock, wave_features
from inference.stepwise import Stepwise, finish

VISUAL_WIDTH = 768
COORDINATES = 100.0  # the picture's height and width in units of position features
FIRST_CHANNELS = 32  # of the stem; doubled at each convolution, up to the tower's width


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """`hidden_size` * `merge_size` ** 2 is 768: a square of adjacent patches makes one feature."""

    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    patch_size: int  # pixels, a power of two
    merge_size: int  # patches
    max_tokens: int  # per picture

    @property
    def cell_size(self) -> int:
        """Side of the square that becomes one token, in pixels."""
        return self.patch_size * self.merge_size


class VisionTower(nn.Module):
    """Convolutions of stride 2 make patches, and transformer blocks follow.

    As in Xiao et al. 2021, "Early convolutions help transformers see better": a tenth of the training is
    enough to read letters of a few pixels.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.ModuleList(
            nn.Conv2d(channels, wider, kernel_size=3, stride=2, padding=1)
            for channels, wider in pairwise(stem_channels(config))
        )
        self.layers = nn.ModuleList(
            TransformerBlock(config.hidden_size, config.num_heads, config.intermediate_size)
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, 3, height, width), whole cells -> (batch, cells, 768), row by row."""
        return finish(self.encode_stepwise(pictures))

    def encode_stepwise(self, pictures: Tensor) -> Stepwise[Tensor]:
        """Like `forward`; a piece is a convolution or a layer."""
        features = pictures
        for number, convolution in enumerate(self.stem):
            assert isinstance(convolution, nn.Conv2d)
            features = convolution(functional.gelu(features) if number else features)
            yield 2.0 * features[:, 0].numel() * convolution.weight.numel()
        batch, width, rows, columns = features.shape
        merge = self.config.merge_size
        places = position_features(rows, columns, width, features.device)
        hidden = features.flatten(2).transpose(1, 2) + places.to(features.dtype).flatten(0, 1)
        for layer in self.layers:
            assert isinstance(layer, TransformerBlock)
            hidden = layer(hidden)
            yield layer.flops(batch, rows * columns)
        merged: Tensor = self.norm(hidden).view(batch, rows // merge, merge, columns // merge, merge, width)
        return merged.transpose(2, 3).reshape(batch, -1, VISUAL_WIDTH)


def stem_channels(config: VisionConfig) -> list[int]:
    """Channels before the first convolution and after each; together they reduce a patch to one position."""
    count = config.patch_size.bit_length() - 1
    inner = [min(FIRST_CHANNELS << number, config.hidden_size) for number in range(count - 1)]
    return [3, *inner, config.hidden_size]


def position_features(rows: int, columns: int, width: int, device: torch.device) -> Tensor:
    """(rows, columns, width): the position of each patch, as a fraction of the picture's height and width.

    Fractions, because responses give the position of a tap in the same way.
    """
    downward, rightward = (
        wave_features(
            (torch.arange(count, device=device) + 0.5) / count * COORDINATES, width // 2, COORDINATES
        )
        for count in (rows, columns)
    )
    grid = (rows, columns, -1)
    return torch.cat([downward[:, None].expand(grid), rightward[None].expand(grid)], dim=-1)
