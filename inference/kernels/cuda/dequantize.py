"""int8 weights to 16 bits, for products of so many rows that cuBLAS makes up for reading them twice.

The plain reference is `inference.kernels.int8_linear.dequantize`.
"""

import triton
import triton.language as tl
from torch import Tensor

from inference.kernels.cuda.launch import KernelLaunch

WIDEST = 4096  # columns per program


@triton.jit
def dequantize_kernel(w, w_scale, out, K: tl.constexpr, BK: tl.constexpr):
    """w (n, K) int8, w_scale (n,) -> out (n, K)."""
    row = tl.program_id(0)
    columns = tl.program_id(1) * BK + tl.arange(0, BK)
    known = columns < K
    at = row.to(tl.int64) * K + columns
    values = tl.load(w + at, mask=known, other=0, eviction_policy="evict_first").to(tl.float32)
    tl.store(out + at, (values * tl.load(w_scale + row)).to(out.dtype.element_ty), mask=known)


def dequantize(cb: Tensor, scale: Tensor, out: Tensor) -> KernelLaunch:
    rows, width = cb.shape
    block = min(WIDEST, int(triton.next_power_of_2(width)))
    return KernelLaunch(
        dequantize_kernel, (rows, -(-width // block), 1), (cb, scale, out), {"K": width, "BK": block}
    )
