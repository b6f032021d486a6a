"""The products of torch that have no public name: oneDNN's, and those of int8 matrices on the CPU.

pyproject.toml pins torch. `tests/inference/kernels/test_onednn.py` fails where another version changes them.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

int8_product: Callable[[Tensor, Tensor], Tensor] = torch._int_mm
"""(n, in) int8, (in, out) int8 -> (n, out) int32."""


@functools.cache
def has_onednn() -> bool:
    """Whether this CPU multiplies by oneDNN's kernels, those of x86."""
    is_built_in = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]  # torch's own
    return is_built_in and torch.backends.cpu.get_cpu_capability().startswith("AVX")


@functools.cache
def has_vnni() -> bool:
    """Whether this CPU has instructions that sum products of int8 in 32 bits."""
    return torch.cpu._is_vnni_supported()


@functools.cache
def linear_product() -> Callable[..., Tensor]:
    """Returns (rows, weight, bias, "none", [], "") -> rows @ weight.T + bias, for where `has_onednn`."""
    return torch.ops.mkldnn._linear_pointwise.default


def pack_weight(weight: Tensor) -> Tensor:
    """Returns an opaque copy of a float32 CPU weight (out, in), which makes `linear_product` faster.

    For where `has_onednn`.
    """
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())  # type: ignore[no-any-return]  # an operator
