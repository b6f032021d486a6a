"""Products by int8 weights on tensor cores, for 3 rows or more.

W = CB * scale[:, None] with CB (out, in) int8, row-major, as bitsandbytes stores it. Rows are two int8 digits
(`inference/kernels/digits.py` is the plain reference), or 16 bits, for which W is widened in registers. The
rows of every buffer are padded to the tile's height, so they need no mask.
"""

import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.rounding import prefetch, store_digits
from inference.kernels.cuda.tiles import Tile
from inference.kernels.digits import Digits

LINE = 128  # bytes of one prefetch


@triton.jit
def linear_kernel(
    x, x_steps, w, w_scale, bias, y, y_steps, rows,
    N: tl.constexpr, K: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
    SPLITS: tl.constexpr, STAGES: tl.constexpr, UNROLL: tl.constexpr, HAS_DIGITS: tl.constexpr,
    GROUP: tl.constexpr, SWAP: tl.constexpr, SILU: tl.constexpr, HAS_BIAS: tl.constexpr,
    PREFETCH: tl.constexpr, OVERLAPS: tl.constexpr,
):  # fmt: skip
    """y (SPLITS, rows, N) = x (rows, K) @ W.T. Each split sums a part of K, and the next kernel adds them.

    HAS_DIGITS: x is (2, rows, K) int8 with x_steps (K / GROUP, rows); else it is in 16 bits.
    SWAP: W is the left operand (64 of its rows for wgmma, x as 8 to 256 columns).
    SILU: W is (2 N, K), gate rows then up rows; y = silu(gate) * up, in digits if y is int8, one step
    for BN columns. UNROLL: tiles of BK per iteration. The next kernel may start only after this program's
    loop: earlier, its programs would crowd onto the multiprocessors that have room.
    """
    row_tile = tl.program_id(0)
    column_tile = tl.program_id(1)
    split = tl.program_id(2)
    TURN: tl.constexpr = BK * UNROLL
    SPLIT_WIDTH: tl.constexpr = (K + SPLITS * TURN - 1) // (SPLITS * TURN) * TURN
    IS_EVEN: tl.constexpr = K % TURN == 0
    IS_GROUPED: tl.constexpr = HAS_DIGITS and GROUP < SPLIT_WIDTH and GROUP < K
    SUM: tl.constexpr = tl.int32 if HAS_DIGITS else tl.float32
    rn = column_tile * BN + tl.arange(0, BN)
    rm = row_tile * BM + tl.arange(0, BM)
    rk = tl.arange(0, BK)
    k_start = split * SPLIT_WIDTH
    k_end = min(k_start + SPLIT_WIDTH, K)
    w_rows = w + rn[:, None] * K
    if OVERLAPS:
        if PREFETCH > 0:  # bytes of each row of W
            lines = w_rows + (k_start + tl.arange(0, PREFETCH // 128) * 128)[None, :]
            prefetch(lines)
            if SILU:
                prefetch(lines + N * K)
        gdc_wait()
    SHAPE: tl.constexpr = (BN, BM) if SWAP else (BM, BN)
    zero = tl.zeros(SHAPE, SUM)
    total = tl.zeros(SHAPE, tl.float32) if IS_GROUPED else zero
    low = zero
    if SILU:
        up_total = zero
        up_low = zero
    for turn in tl.range(k_start, k_end, TURN, num_stages=STAGES):
        for part in tl.static_range(UNROLL):
            k = turn + part * BK
            w_at = w_rows + (k + rk)[None, :]
            if SWAP:
                x_at = x + rm[None, :] * K + (k + rk)[:, None]
            else:
                x_at = x + rm[:, None] * K + (k + rk)[None, :]
            if IS_EVEN:
                w_tile = tl.load(w_at, eviction_policy="evict_first")
                x_tile = tl.load(x_at)
            else:
                known = k + rk < K
                w_tile = tl.load(w_at, mask=known[None, :], other=0, eviction_policy="evict_first")
                x_tile = tl.load(x_at, mask=known[:, None] if SWAP else known[None, :], other=0)
            if HAS_DIGITS:
                if IS_EVEN:
                    low_tile = tl.load(x_at + rows * K)
                else:
                    low_tile = tl.load(
                        x_at + rows * K, mask=known[:, None] if SWAP else known[None, :], other=0
                    )
            else:
                w_tile = w_tile.to(x.dtype.element_ty)
            if IS_GROUPED:
                steps = tl.load(x_steps + (k // GROUP) * rows + rm)
                if SWAP:
                    product = tl.dot(w_tile, x_tile, out_dtype=SUM) * 128
                    product = tl.dot(w_tile, low_tile, product, out_dtype=SUM)
                    total += product.to(tl.float32) * steps[None, :]
                else:
                    product = tl.dot(x_tile, tl.trans(w_tile), out_dtype=SUM) * 128
                    product = tl.dot(low_tile, tl.trans(w_tile), product, out_dtype=SUM)
                    total += product.to(tl.float32) * steps[:, None]
            elif SWAP:
                total = tl.dot(w_tile, x_tile, total, out_dtype=SUM)
                if HAS_DIGITS:
                    low = tl.dot(w_tile, low_tile, low, out_dtype=SUM)
            else:
                total = tl.dot(x_tile, tl.trans(w_tile), total, out_dtype=SUM)
                if HAS_DIGITS:
                    low = tl.dot(low_tile, tl.trans(w_tile), low, out_dtype=SUM)
            if SILU:
                if IS_EVEN:
                    up_tile = tl.load(w_at + N * K, eviction_policy="evict_first")
                else:
                    up_tile = tl.load(
                        w_at + N * K, mask=known[None, :], other=0, eviction_policy="evict_first"
                    )
                if not HAS_DIGITS:
                    up_tile = up_tile.to(x.dtype.element_ty)
                if SWAP:
                    up_total = tl.dot(up_tile, x_tile, up_total, out_dtype=SUM)
                    if HAS_DIGITS:
                        up_low = tl.dot(up_tile, low_tile, up_low, out_dtype=SUM)
                else:
                    up_total = tl.dot(x_tile, tl.trans(up_tile), up_total, out_dtype=SUM)
                    if HAS_DIGITS:
                        up_low = tl.dot(low_tile, tl.trans(up_tile), up_low, out_dtype=SUM)
    if OVERLAPS:
        gdc_launch_dependents()
    result = total.to(tl.float32)
    if HAS_DIGITS and not IS_GROUPED:
        result = result * 128 + low.to(tl.float32)
    if SWAP:
        result = tl.trans(result)
    result *= tl.load(w_scale + rn)[None, :]
    if HAS_DIGITS and not IS_GROUPED:
        steps = tl.load(x_steps + (k_start // GROUP) * rows + rm)
        result *= steps[:, None]
    if HAS_BIAS:
        if split == 0:
            result += tl.load(bias + rn)[None, :].to(tl.float32)
    target = y + (split * rows + rm)[:, None] * N + rn[None, :]
    if SILU:
        up = up_total.to(tl.float32)
        if HAS_DIGITS:
            up = up * 128 + up_low.to(tl.float32)
        if SWAP:
            up = tl.trans(up)
        up *= tl.load(w_scale + N + rn)[None, :]
        if HAS_DIGITS:
            up *= steps[:, None]
        result = result * tl.sigmoid(result) * up
    if SILU and y.dtype.element_ty == tl.int8:
        peak = tl.max(tl.abs(result), axis=1)
        store_digits(target, y_steps + column_tile * rows + rm, result, peak, rows * N, True)
    else:
        tl.store(target, result.to(y.dtype.element_ty))


def linear(
    x: Digits | Tensor,
    cb: Tensor,
    scale: Tensor,
    y: Digits | Tensor,
    tile: Tile,
    *,
    rows: int,
    bias: Tensor | None = None,
    has_silu: bool = False,
    overlaps: bool = False,
) -> KernelLaunch:
    """Computes the first `rows` rows of y, padded to the tile's height.

    y: (splits, all rows, out), or (all rows, out / 2) with `has_silu`; digits then have one step for
    `tile.columns` columns.
    """
    values = x.values if isinstance(x, Digits) else x
    target = y.values if isinstance(y, Digits) else y
    out, width = cb.shape
    out //= 1 + has_silu
    assert target.numel() >= tile.splits * values.shape[-2] * out
    assert not isinstance(y, Digits) or y.values.shape == (2, values.shape[-2], out)
    turn = tile.depth * tile.unroll
    split_width = -(-width // (tile.splits * turn)) * turn
    return KernelLaunch(
        linear_kernel,
        (-(-rows // tile.rows), out // tile.columns, tile.splits),
        (
            values,
            x.steps if isinstance(x, Digits) else scale,  # any pointer, since it is not read
            cb,
            scale,
            bias if bias is not None else scale,
            target,
            y.steps if isinstance(y, Digits) else scale,
            values.shape[-2],
        ),
        {
            "N": out,
            "K": width,
            "BM": tile.rows,
            "BN": tile.columns,
            "BK": tile.depth,
            "SPLITS": tile.splits,
            "STAGES": tile.stages,
            "UNROLL": tile.unroll,
            "HAS_DIGITS": isinstance(x, Digits),
            "GROUP": x.group if isinstance(x, Digits) else width,
            "SWAP": tile.swap,
            "SILU": has_silu,
            "HAS_BIAS": bias is not None,
            "PREFETCH": prefetch_bytes(tile, min(split_width, width)),
            "OVERLAPS": overlaps,
        },
        tile.warps,
        tile.stages,
        overlaps,
    )


def prefetch_bytes(tile: Tile, width: int) -> int:
    """Returns a power of two of whole lines, within a split's part of a row."""
    most = min(tile.prefetch, width)
    return 1 << (most.bit_length() - 1) if most >= LINE else 0
