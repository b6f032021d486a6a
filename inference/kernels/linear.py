"""Matrix multiplication by weights in 16 or 32 bits.

On x86 CPUs a row's result in 32 bits does not depend, to the last bit, on how many rows are computed with it:
a response is the same alone and in a batch. This is true of oneDNN's products from two rows on, but not of
MKL's, which torch uses by default (docs/decisions/0010-exact-products-on-the-cpu.md).
"""

import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.onednn import has_onednn, linear_product

FEWEST_ROWS = 4  # a single row uses another kernel; two take longer than four
EXACT_ROWS = 16  # the size of a decoding batch
ROW_STEP = 32


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows (n, in), weight (out, in), plain or from `onednn.pack_weight` -> (n, out)."""
    if not is_exact(rows):
        return functional.linear(rows, weight, bias)
    count = rows.shape[0]
    padding = row_count(count) - count
    if not padding:
        return linear_product()(rows, weight, bias, "none", [], "")
    padded = functional.pad(rows, (0, 0, 0, padding))
    return linear_product()(padded, weight, bias, "none", [], "")[:count]


def pad_rows(rows: Tensor) -> Tensor:
    """Appends zeros, (n, in) -> (n or more, in), once for several products."""
    padding = row_count(rows.shape[0]) - rows.shape[0]
    return functional.pad(rows, (0, 0, 0, padding)) if padding and is_exact(rows) else rows


def is_exact(rows: Tensor) -> bool:
    """Whether a row's products do not depend on the other rows."""
    return rows.device.type == "cpu" and rows.dtype == torch.float32 and has_onednn()


def row_count(count: int) -> int:
    """Returns how many rows are computed instead of `count`.

    oneDNN compiles a kernel for every number of rows and keeps 1,024 of them, 0.6 MB each. Chunks of a prompt
    have any length, so their numbers are rounded up.
    """
    return max(count, FEWEST_ROWS) if count <= EXACT_ROWS else -(-count // ROW_STEP) * ROW_STEP
