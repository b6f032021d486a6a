"""Activations as two int8 digits: x = step * (128 * high + low), 15 bits and a sign.

Tensor cores multiply each digit by int8 weights as stored and add in exact integers, so a product is as
accurate as with 16-bit activations. One digit is not enough: where a few channels are much larger than the
others, the small ones round to zero. This module is the plain reference for `inference/kernels/cuda`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST = 127 * 128  # the largest number that two digits represent
BASE = 128
SMALLEST_PEAK = 1e-30  # of a group; a group of zeros has none


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Rows of `width` numbers. `group` columns of a row share a step."""

    values: Tensor  # (2, rows, width) int8: high digits, then low ones
    steps: Tensor  # (width / group, rows) float32
    group: int

    def join(self) -> Tensor:
        """Returns the numbers that the digits represent, (rows, width) float64."""
        high, low = self.values.double()
        columns = self.steps.double().T.repeat_interleave(self.group, dim=1)
        joined: Tensor = (BASE * high + low) * columns
        return joined


def round_to_digits(rows: Tensor, group: int | None = None) -> Digits:
    """rows (n, width) -> their digits; one step for each row if `group` is None."""
    count, width = rows.shape
    group = group or width
    grouped = rows.float().view(count, width // group, group)
    steps = grouped.abs().amax(dim=-1).clamp_min(SMALLEST_PEAK) / LARGEST  # (n, groups)
    numbers = torch.floor(grouped / steps[..., None] + 0.5).int()
    high = (numbers + BASE // 2) >> 7
    values = torch.stack([high, numbers - BASE * high]).to(torch.int8).view(2, count, width)
    return Digits(values, steps.T.contiguous(), group)


def digits_linear(rows: Digits, cb: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """The reference product, in float64: rows (n, in), cb (out, in) int8, scale (out,) -> (n, out)."""
    product = rows.join() @ cb.double().T * scale.double()
    return product if bias is None else product + bias.double()
