"""Matrix multiplication by bitsandbytes' LLM.int8() weights: W = CB * SCB / 127, row by row."""

import torch
from torch import Tensor

from inference.kernels.linear import linear

INT8_MAX = 127.0
FLOAT16_SCALE = 1 / 128  # exact


def dequantize(cb: Tensor, scb: Tensor, dtype: torch.dtype) -> Tensor:
    """cb (out, in) int8, scb (out,) float32 -> (out, in)."""
    return (cb.float() * (scb / INT8_MAX)[:, None]).to(dtype)


def int8_linear(rows: Tensor, cb: Tensor, scb: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows (n, in), cb (out, in) int8, scb (out,) float32 -> (n, out).

    The reference: 16-bit floats hold the numbers of int8 exactly, so the scale can follow the product.
    """
    weight = cb.to(rows.dtype)
    scale = scb / INT8_MAX
    if rows.dtype == torch.float16:  # 127 times larger, products would overflow it
        weight.mul_(FLOAT16_SCALE)
        scale = scale / FLOAT16_SCALE
    product = linear(rows, weight).float() * scale
    if bias is not None:
        product = product + bias
    return product.to(rows.dtype)
