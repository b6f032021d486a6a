"""Matrix multiplication by bitsandbytes' LLM.int8() weights: W = CB * SCB / 127, row by row."""

import torch
from torch import Tensor

from inference.kernels.linear import linear

INT8_MAX = 127.0


def dequantize(cb: Tensor, scb: Tensor, dtype: torch.dtype) -> Tensor:
    """cb (out, in) int8, scb (out,) float32 -> (out, in)."""
    return (cb.float() * (scb / INT8_MAX)[:, None]).to(dtype)


def int8_linear(rows: Tensor, cb: Tensor, scb: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows (n, in), cb (out, in) int8, scb (out,) float32 -> (n, out).

    The reference: 16-bit floats hold the numbers of int8 exactly, so the scale can follow the product.
    """
    product = linear(rows, cb.to(rows.dtype)).float() * (scb / INT8_MAX)
    if bias is not None:
        product = product + bias
    return product.to(rows.dtype)
