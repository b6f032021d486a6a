"""Shared parts of kernels: stores numbers as two int8 digits, prefetches lines of memory."""

import triton
import triton.language as tl


@triton.jit
def store_digits(target, step_target, values, peak, digit_stride, BY_ROW: tl.constexpr):
    """Stores values as two digits, with the step that `peak`, their largest magnitude, determines.

    BY_ROW: values are (rows, n) and peak is (rows,); else (n,) and a number.
    """
    step = tl.maximum(peak, 1e-30) * (1 / 16256)
    tl.store(step_target, step)
    if BY_ROW:
        step = step[:, None]
    number = tl.floor(values / step + 0.5).to(tl.int32)
    high = (number + 64) >> 7
    tl.store(target, high.to(tl.int8))
    tl.store(target + digit_stride, (number - high * 128).to(tl.int8))


@triton.jit
def prefetch(pointers):
    """Prefetches the lines at `pointers` into the L2 cache."""
    tl.inline_asm_elementwise(
        "prefetch.global.L2 [$1]; mov.u32 $0, 0;",
        "=r,l",
        [pointers.to(tl.int64)],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )
