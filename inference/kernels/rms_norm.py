"""Root-mean-square normalisation, alone and with the addition to the residual that follows in a GLM-4 block.

`functional.rms_norm` is the reference. On the CPU torch runs ten operations for it, and with a few rows each
costs as much as its call: a compiled kernel is one, and five are left where it cannot run.
"""

import functools

import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.cpu import operations
from inference.kernels.cpu.compiler import is_supported


def rms_norm(rows: Tensor, weight: Tensor, eps: float) -> Tensor:
    """rows (n, width), weight (width,) -> (n, width)."""
    if not _has_fast_path(rows):
        return functional.rms_norm(rows, weight.shape, weight, eps)
    if is_supported():
        return operations.norm(rows, weight, eps)
    return (rows * _inverse_root_mean_square(rows, eps)).mul_(weight)


def add_rms_norm(residual: Tensor, rows: Tensor, weight: Tensor, eps: float) -> Tensor:
    """residual and rows (n, width), weight (width,) -> residual + rms_norm(rows)."""
    if not _has_fast_path(rows):
        return residual + functional.rms_norm(rows, weight.shape, weight, eps)
    if is_supported():
        return operations.add_norm(residual, rows, weight, eps)
    return torch.addcmul(residual, rows * _inverse_root_mean_square(rows, eps), weight)


def _has_fast_path(rows: Tensor) -> bool:
    return rows.device.type == "cpu" and rows.dtype == torch.float32


def _inverse_root_mean_square(rows: Tensor, eps: float) -> Tensor:
    """(n, width) -> (n, 1)."""
    norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return torch.addcmul(_number(eps), norm, norm, value=1 / rows.shape[-1]).rsqrt_()


@functools.cache
def _number(value: float) -> Tensor:
    """Cached: creating the tensor costs as much as adding it."""
    with torch.inference_mode(False):
        return torch.tensor(value, dtype=torch.float32)
