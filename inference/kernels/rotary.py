"""Rotary positions as in GLM-4: adjacent pairs of each head's first dimensions are rotated."""

import torch
from torch import Tensor


def rotary_factors(
    positions: Tensor, frequencies: Tensor, mrope_section: tuple[int, ...] | None = None
) -> Tensor:
    """positions (tokens,) or (3, tokens), frequencies (pairs,) -> (tokens, 1, pairs) complex64.

    With three axes, `mrope_section` is the number of consecutive pairs for time, height and width.
    """
    angles = positions[..., None].float() * frequencies  # (tokens, pairs) or (3, tokens, pairs)
    if mrope_section is not None and angles.dim() == 3:
        pieces = torch.split(angles, list(mrope_section), dim=-1)
        angles = torch.cat([piece[axis] for axis, piece in enumerate(pieces)], dim=-1)
    return torch.complex(angles.cos(), angles.sin())[:, None]


def rotate_(heads: Tensor, factors: Tensor) -> None:
    """Rotates heads (tokens, heads, head_dim) in place; dimensions without a factor stay."""
    turned = heads[..., : 2 * factors.shape[-1]]
    pairs = torch.view_as_complex(turned.float().view(*turned.shape[:-1], -1, 2))
    turned.copy_(torch.view_as_real(pairs * factors).flatten(-2))
