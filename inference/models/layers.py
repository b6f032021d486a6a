"""The decoder's building blocks, for weights in floats, in int8, or packed for the CPU.

A decoder is built with `Linear` and `Embedding`; `inference/loading/weights.py` replaces them with the kind
that the weights need.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.kernels.cpu.compiler import is_supported
from inference.kernels.cpu.operations import (
    multiply,
    pack_panels,
    start_compiling_integer_sums,
    start_compiling_products,
)
from inference.kernels.int8_levels import INT8_MAX
from inference.kernels.int8_linear import has_exact_int8, int8_linear
from inference.kernels.linear import linear
from inference.kernels.onednn import pack_weight
from inference.kernels.rms_norm import add_rms_norm, rms_norm


class Linear(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None

    def forward(self, rows: Tensor) -> Tensor:
        return linear(rows, self.weight, self.bias)


class PanelLinear(nn.Module):
    """In panels, for the compiled kernels of the CPU; never saved. `scale` is of int8 weights alone."""

    def __init__(self, weight: Tensor, bias: Tensor | None, scale: Tensor | None = None) -> None:
        super().__init__()
        start_compiling_products(is_int8=scale is not None)
        self.panels = pack_panels(weight, scale, bias)
        self.packed_weight = nn.Buffer(self.panels.weight, persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        return multiply(rows, self.panels)


class PackedLinear(nn.Module):
    """In oneDNN's layout, which depends on this CPU; never saved. For CPUs without compiled kernels."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.packed_weight = pack_weight(weight)
        self.bias = bias

    def forward(self, rows: Tensor) -> Tensor:
        return linear(rows, self.packed_weight, self.bias)


class Int8Linear(nn.Module):
    """Made of bitsandbytes' `CB` (out, in) int8 and `SCB` (out,) float32."""

    def __init__(self, cb: Tensor, scb: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        if cb.device.type == "cpu" and has_exact_int8() and is_supported():
            start_compiling_integer_sums()
        self.cb = nn.Buffer(cb)
        self.scale = nn.Buffer(scb / INT8_MAX)
        self.bias = bias

    def forward(self, rows: Tensor) -> Tensor:
        return int8_linear(rows, self.cb, self.scale, self.bias)


class Embedding(nn.Module):
    def __init__(self, vocab_size: int, hidden_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, hidden_size))

    def forward(self, token_ids: Tensor) -> Tensor:
        return functional.embedding(token_ids, self.weight)


class Int8Embedding(nn.Module):
    """Rows in int8; `forward` returns them in `dtype`."""

    def __init__(self, cb: Tensor, scb: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.cb = nn.Buffer(cb)
        self.scale = nn.Buffer(scb / INT8_MAX)
        self.dtype = dtype

    def forward(self, token_ids: Tensor) -> Tensor:
        return (self.cb[token_ids].float() * self.scale[token_ids][:, None]).to(self.dtype)


class RMSNorm(nn.Module):
    def __init__(self, hidden_size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.eps = eps

    def forward(self, rows: Tensor) -> Tensor:
        return rms_norm(rows, self.weight, self.eps)

    def add(self, residual: Tensor, rows: Tensor) -> Tensor:
        """Returns the sum of `residual` and the normalised rows."""
        return add_rms_norm(residual, rows, self.weight, self.eps)
