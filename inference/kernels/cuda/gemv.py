"""Products of one or two rows of digits by int8 weights, on CUDA cores with `dp4a`.

With one row, tensor cores mostly wait. Here the loads of whole rows of W start before the previous kernel has
ended. The plain reference is `inference/kernels/digits.py`.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.rounding import store_digits
from inference.kernels.cuda.tiles import GemvTile
from inference.kernels.digits import Digits

OUT_GROUP = 4  # columns of gate_up's output digits that share a step


@triton.jit
def dp4a(a, b, c):
    """a and b are int32s of four int8. Returns c + the sum of their products."""
    return tl.inline_asm_elementwise(
        "dp4a.s32.s32 $0, $1, $2, $3;", "=r,r,r,r", [a, b, c], dtype=tl.int32, is_pure=True, pack=1
    )


@triton.jit
def digits_product(w_tile, x, low, x_steps, zero, known, IS_FULL: tl.constexpr, IS_GROUPED: tl.constexpr):
    """The products of W's rows and one row of x, over four columns each, (BN, BJ) fp32."""
    if IS_FULL:
        product = dp4a(w_tile, tl.load(x), zero) * 128
        product = dp4a(w_tile, tl.load(x + low), product).to(tl.float32)
        if IS_GROUPED:
            product *= tl.load(x_steps)
    else:
        product = dp4a(w_tile, tl.load(x, mask=known, other=0), zero) * 128
        product = dp4a(w_tile, tl.load(x + low, mask=known, other=0), product).to(tl.float32)
        if IS_GROUPED:
            product *= tl.load(x_steps, mask=known, other=0.0)
    return product


@triton.jit
def gemv_kernel(
    x, x_steps, w, w_scale, bias, y, y_steps, rows,
    N: tl.constexpr, K: tl.constexpr, BK: tl.constexpr, ROWS: tl.constexpr, BN: tl.constexpr,
    GROUP: tl.constexpr, SILU: tl.constexpr, HAS_BIAS: tl.constexpr, OUT_DIGITS: tl.constexpr,
    OVERLAPS: tl.constexpr,
):  # fmt: skip
    """y (rows, N) = the first ROWS rows of x @ W.T. A program has BN whole rows of W, up to four reads of BK.

    x: (2, rows, K) int8 and w: (N, K) int8, both viewed as int32. x_steps: (K / GROUP, rows), but
    (rows, K / 4) for a GROUP of 4. OUT_DIGITS: y in digits, one step for 4 columns, y_steps (rows, N / 4).
    """
    J: tl.constexpr = K // 4
    BJ: tl.constexpr = BK // 4
    READS: tl.constexpr = (K + BK - 1) // BK
    IS_GROUPED: tl.constexpr = GROUP < K
    tl.static_assert(READS <= 4)
    tl.static_assert(K % BK == 0 or not SILU)
    rn = tl.program_id(0) * BN + tl.arange(0, BN)
    rj = tl.arange(0, BJ)[None, :]
    w0 = w + rn[:, None] * J + rj
    if OVERLAPS:
        gdc_launch_dependents()
    known = (READS - 1) * BJ + rj < J  # of the last read
    tile_0 = tl.load(w0, eviction_policy="evict_first")
    if READS > 2:
        tile_1 = tl.load(w0 + BJ, eviction_policy="evict_first")
    if READS > 3:
        tile_2 = tl.load(w0 + 2 * BJ, eviction_policy="evict_first")
    if READS > 1:
        if K % BK == 0:
            tile_last = tl.load(w0 + (READS - 1) * BJ, eviction_policy="evict_first")
        else:
            tile_last = tl.load(w0 + (READS - 1) * BJ, mask=known, other=0, eviction_policy="evict_first")
    if SILU:
        tl.static_assert(READS <= 2)
        up_0 = tl.load(w0 + N * J, eviction_policy="evict_first")
        if READS == 2:
            up_1 = tl.load(w0 + N * J + BJ, eviction_policy="evict_first")
    scale = tl.load(w_scale + rn)
    if SILU:
        up_scale = tl.load(w_scale + N + rn)
    if HAS_BIAS:
        added = tl.load(bias + rn).to(tl.float32)
    if OVERLAPS:
        gdc_wait()
    zero = tl.zeros((BN, BJ), tl.int32)
    low = rows * J
    for row in tl.static_range(ROWS):
        x_row = x + row * J + rj
        if GROUP == 4:
            steps = x_steps + row * J + rj
        else:
            steps = x_steps + rj // (GROUP // 4) * rows + row
        more = BJ if GROUP == 4 else BK // GROUP * rows
        product = digits_product(tile_0, x_row, low, steps, zero, known, True, IS_GROUPED)
        if READS > 2:
            product += digits_product(tile_1, x_row + BJ, low, steps + more, zero, known, True, IS_GROUPED)
        if READS > 3:
            product += digits_product(
                tile_2, x_row + 2 * BJ, low, steps + 2 * more, zero, known, True, IS_GROUPED
            )
        if READS > 1:
            product += digits_product(
                tile_last, x_row + (READS - 1) * BJ, low, steps + (READS - 1) * more, zero, known,
                K % BK == 0, IS_GROUPED,
            )  # fmt: skip
        result = tl.sum(product, axis=1) * scale
        if not IS_GROUPED:
            result *= tl.load(x_steps + row)
        if HAS_BIAS:
            result += added
        if SILU:
            up = digits_product(up_0, x_row, low, steps, zero, known, True, IS_GROUPED)
            if READS == 2:
                up += digits_product(up_1, x_row + BJ, low, steps + more, zero, known, True, IS_GROUPED)
            result = result * tl.sigmoid(result) * (tl.sum(up, axis=1) * up_scale * tl.load(x_steps + row))
        if OUT_DIGITS:
            fours = tl.reshape(result, (BN // 4, 4))
            rg = tl.program_id(0) * (BN // 4) + tl.arange(0, BN // 4)
            target = y + row * N + rg[:, None] * 4 + tl.arange(0, 4)[None, :]
            store_digits(
                target, y_steps + row * (N // 4) + rg, fours, tl.max(tl.abs(fours), axis=1), rows * N, True
            )
        else:
            tl.store(y + row * N + rn, result.to(y.dtype.element_ty))


def gemv(
    x: Digits,
    cb: Tensor,
    scale: Tensor,
    y: Digits | Tensor,
    tile: GemvTile,
    *,
    rows: int,
    bias: Tensor | None = None,
    has_silu: bool = False,
    overlaps: bool = False,
) -> KernelLaunch:
    """Computes the first `rows` rows of y, which are `out` wide, or half as wide with `has_silu`.

    Steps of a group of 4 are (rows, width / 4), those of wider groups as in `Digits`.
    """
    target = y.values if isinstance(y, Digits) else y
    out, width = cb.shape
    out //= 1 + has_silu
    assert not isinstance(y, Digits) or y.values.shape == (2, x.values.shape[1], out)
    return KernelLaunch(
        gemv_kernel,
        (out // tile.columns, 1, 1),
        (
            as_words(x.values),
            x.steps,
            as_words(cb),
            scale,
            bias if bias is not None else scale,  # any pointer, since it is not read
            target,
            y.steps if isinstance(y, Digits) else scale,
            x.values.shape[1],
        ),
        {
            "N": out,
            "K": width,
            "BK": tile.depth,
            "ROWS": rows,
            "BN": tile.columns,
            "GROUP": x.group,
            "SILU": has_silu,
            "HAS_BIAS": bias is not None,
            "OUT_DIGITS": isinstance(y, Digits),
            "OVERLAPS": overlaps,
        },
        tile.warps,
        1,
        overlaps,
    )


def as_words(values: Tensor) -> Tensor:
    """Views four int8 of a row as one int32."""
    return values.view(torch.int32)
