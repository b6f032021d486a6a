"""Matrix multiplication by weights in 16 or 32 bits.

On the CPU a row's result does not depend, to the last bit, on how many rows are computed with it:
an answer is the same alone and in a batch. BLAS alone does not promise that.
"""

import functools

import torch
from torch import Tensor
from torch.nn import functional

ROW_TILE = 4  # MKL computes rows in fours, up to a dozen of them, and the rest by another kernel
UNTILED_ROWS = 12
EXACT_ROWS = 16  # as many as a decoding batch has
PACKED_ROW_STEP = 32
AVX512_ROWS = 16  # there, by other kernels up to 15 of them (measured from 64 to 1024 wide)


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows (n, in), weight (out, in) -> (n, out)."""
    count = rows.shape[0]
    padding = row_padding(count) if rows.device.type == "cpu" else 0
    if not padding:
        return functional.linear(rows, weight, bias)
    return functional.linear(functional.pad(rows, (0, 0, 0, padding)), weight, bias)[:count]


def row_padding(count: int) -> int:
    """Returns how many rows have to be added, so that a row's result is that of any larger number."""
    if has_avx512():
        return max(0, AVX512_ROWS - count)
    return -count % ROW_TILE if count < UNTILED_ROWS else 0


@functools.cache
def has_avx512() -> bool:
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


@functools.cache
def can_pack() -> bool:
    """Says whether oneDNN's own weight layout is there: independent of the number of rows, and faster."""
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]  # torch's own
    return has_onednn and torch.backends.cpu.get_cpu_capability().startswith("AVX")


def pack_weight(weight: Tensor) -> Tensor:
    """Returns an opaque copy of a float32 CPU weight (out, in) for `packed_linear`."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())  # type: ignore[no-any-return]  # an operator


def packed_linear(rows: Tensor, packed_weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`linear` with a weight from `pack_weight`."""
    count = rows.shape[0]
    padding = packed_row_count(count) - count
    if padding:
        rows = functional.pad(rows, (0, 0, 0, padding))
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, packed_weight, bias, "none", [], "")
    return product[:count]


def packed_row_count(count: int) -> int:
    """Returns how many rows are computed in place of `count`.

    oneDNN compiles and keeps a kernel for every number of rows that it meets: 0.6 MB each, 1,024 of
    them. Chunks of a prompt have any length, so theirs are rounded up.
    """
    return count if count <= EXACT_ROWS else -(-count // PACKED_ROW_STEP) * PACKED_ROW_STEP
