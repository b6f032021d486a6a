"""Root-mean-square norms, fused with the embedding, the addition to the residual and the rounding to digits.

The plain references are `inference/kernels/rms_norm.py`, `rotary.py` and `digits.py`.
"""

import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.digits import Digits

WIDE = 2048  # columns from which a row gets more warps


@triton.jit
def store_row(x, x_steps, values, row, rows, columns, known, WIDTH: tl.constexpr, HAS_DIGITS: tl.constexpr):
    """Stores a row in digits, with one step, or in 16 bits. Columns after WIDTH are zeros."""
    target = x + row.to(tl.int64) * WIDTH + columns
    if HAS_DIGITS:
        step = tl.maximum(tl.max(tl.abs(values), axis=0), 1e-30) * (1 / 16256)
        tl.store(x_steps + row, step)
        number = tl.floor(values / step + 0.5).to(tl.int32)
        high = (number + 64) >> 7
        tl.store(target, high.to(tl.int8), mask=known)
        tl.store(target + rows.to(tl.int64) * WIDTH, (number - high * 128).to(tl.int8), mask=known)
    else:
        tl.store(target, values.to(x.dtype.element_ty), mask=known)


@triton.jit
def begin_kernel(
    ids, drawn, positions, axes, frequencies, table, table_scale, gain, residual, x, x_steps, cosines, sines,
    rows, position_rows, eps,
    WIDTH: tl.constexpr, WIDTH_2: tl.constexpr, PAIRS: tl.constexpr, EMBEDS: tl.constexpr,
    HAS_SCALE: tl.constexpr, HAS_DIGITS: tl.constexpr, OVERLAPS: tl.constexpr,
):  # fmt: skip
    """A step's first kernel, one program per row: the embedding, the first norm, the row's rotary factors.

    An id below 0 means a token that the previous step has drawn, in row -1 - id of `drawn`. Without EMBEDS
    the residual is an input. positions (3, position_rows); axes (PAIRS,): the axis of each pair.
    """
    row = tl.program_id(0)
    columns = tl.arange(0, WIDTH_2)
    known = columns < WIDTH
    pairs = tl.arange(0, PAIRS)
    if OVERLAPS:
        gdc_launch_dependents()
    factor = tl.load(gain + columns, mask=known, other=0.0).to(tl.float32)
    axis = tl.load(axes + pairs)
    turns = tl.load(frequencies + pairs)
    if OVERLAPS:
        gdc_wait()
    if EMBEDS:
        token = tl.load(ids + row)
        if token < 0:
            token = tl.load(drawn - 1 - token)
        token = tl.maximum(token, 0).to(tl.int64)  # a row without finite logits has drawn no token, and ends
        hidden = tl.load(table + token * WIDTH + columns, mask=known, other=0).to(tl.float32)
        if HAS_SCALE:
            hidden *= tl.load(table_scale + token)
        hidden = hidden.to(residual.dtype.element_ty)
        tl.store(residual + row * WIDTH + columns, hidden, mask=known)
    else:
        hidden = tl.load(residual + row * WIDTH + columns, mask=known, other=0.0)
    angles = tl.load(positions + axis * position_rows + row).to(tl.float32) * turns
    tl.store(cosines + row * PAIRS + pairs, tl.cos(angles))
    tl.store(sines + row * PAIRS + pairs, tl.sin(angles))
    hidden = hidden.to(tl.float32)
    normal = hidden * tl.rsqrt(tl.sum(hidden * hidden) / WIDTH + eps) * factor
    store_row(x, x_steps, normal, row, rows, columns, known, WIDTH, HAS_DIGITS)


@triton.jit
def add_norm_kernel(
    y, gain_after, residual, gain_next, x, x_steps, rows, eps,
    SPLITS: tl.constexpr, WIDTH: tl.constexpr, WIDTH_2: tl.constexpr, HAS_DIGITS: tl.constexpr,
    OVERLAPS: tl.constexpr,
):  # fmt: skip
    """One program per row. residual += norm(sum of splits) * gain_after; x = norm(residual) * gain_next."""
    row = tl.program_id(0)
    columns = tl.arange(0, WIDTH_2)
    known = columns < WIDTH
    if OVERLAPS:
        gdc_launch_dependents()
    after = tl.load(gain_after + columns, mask=known, other=0.0).to(tl.float32)
    factor = tl.load(gain_next + columns, mask=known, other=0.0).to(tl.float32)
    if OVERLAPS:
        gdc_wait()
    hidden = tl.load(residual + row * WIDTH + columns, mask=known, other=0.0).to(tl.float32)
    total = tl.load(y + row * WIDTH + columns, mask=known, other=0.0).to(tl.float32)
    for split in tl.static_range(1, SPLITS):
        total += tl.load(y + (split * rows + row) * WIDTH + columns, mask=known, other=0.0).to(tl.float32)
    hidden = hidden + total * tl.rsqrt(tl.sum(total * total) / WIDTH + eps) * after
    hidden = hidden.to(residual.dtype.element_ty)
    tl.store(residual + row * WIDTH + columns, hidden, mask=known)
    hidden = hidden.to(tl.float32)
    normal = hidden * tl.rsqrt(tl.sum(hidden * hidden) / WIDTH + eps) * factor
    store_row(x, x_steps, normal, row, rows, columns, known, WIDTH, HAS_DIGITS)


@triton.jit
def gather_norm_kernel(
    residual, picked, gain, x, x_steps, rows, eps,
    WIDTH: tl.constexpr, WIDTH_2: tl.constexpr, HAS_DIGITS: tl.constexpr,
):  # fmt: skip
    """One program per row of x. x = norm(residual[picked]) * gain."""
    row = tl.program_id(0)
    columns = tl.arange(0, WIDTH_2)
    known = columns < WIDTH
    source = tl.load(picked + row).to(tl.int64)
    hidden = tl.load(residual + source * WIDTH + columns, mask=known, other=0.0).to(tl.float32)
    factor = tl.load(gain + columns, mask=known, other=0.0).to(tl.float32)
    normal = hidden * tl.rsqrt(tl.sum(hidden * hidden) / WIDTH + eps) * factor
    store_row(x, x_steps, normal, row, rows, columns, known, WIDTH, HAS_DIGITS)


@triton.jit
def round_kernel(values, x, x_steps, rows, WIDTH: tl.constexpr, WIDTH_2: tl.constexpr):
    """One program per row, which gets one step."""
    row = tl.program_id(0)
    columns = tl.arange(0, WIDTH_2)
    known = columns < WIDTH
    numbers = tl.load(values + row.to(tl.int64) * WIDTH + columns, mask=known, other=0.0).to(tl.float32)
    store_row(x, x_steps, numbers, row, rows, columns, known, WIDTH, True)


@triton.jit
def silu_kernel(y, out, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """y (rows, 2 WIDTH), gate then up -> out (rows, WIDTH) = silu(gate) * up."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = columns < WIDTH
    gate = tl.load(y + row * 2 * WIDTH + columns, mask=known, other=0.0).to(tl.float32)
    up = tl.load(y + row * 2 * WIDTH + WIDTH + columns, mask=known, other=0.0).to(tl.float32)
    tl.store(out + row * WIDTH + columns, (gate * tl.sigmoid(gate) * up).to(out.dtype.element_ty), mask=known)


def _warps(width: int) -> int:
    return 16 if width >= WIDE else 4


def _parts(x: Digits | Tensor, stand_in: Tensor) -> tuple[Tensor, Tensor]:
    """The values and the steps of x, or `stand_in`, which is not read, for the steps."""
    return (x.values, x.steps) if isinstance(x, Digits) else (x, stand_in)


def begin(
    *,
    ids: Tensor,
    drawn: Tensor,
    positions: Tensor,
    axes: Tensor,
    frequencies: Tensor,
    table: tuple[Tensor, Tensor | None] | None,
    gain: Tensor,
    residual: Tensor,
    x: Digits | Tensor,
    cosines: Tensor,
    sines: Tensor,
    position_rows: int,
    rows: int,
    eps: float,
    overlaps: bool = False,
) -> KernelLaunch:
    """Computes the first `rows` rows. positions: (3, position_rows).

    `table`: the embedding and, if it is int8, its scale; None: no embedding.
    """
    values, steps = _parts(x, cosines)
    weights, scale = table if table is not None else (gain, None)
    width = residual.shape[-1]
    return KernelLaunch(
        begin_kernel,
        (rows, 1, 1),
        (
            ids,
            drawn,
            positions,
            axes,
            frequencies,
            weights,
            scale if scale is not None else frequencies,
            gain,
            residual,
            values,
            steps,
            cosines,
            sines,
            values.shape[-2],
            position_rows,
            eps,
        ),
        {
            "WIDTH": width,
            "WIDTH_2": triton.next_power_of_2(width),
            "PAIRS": frequencies.shape[0],
            "EMBEDS": table is not None,
            "HAS_SCALE": scale is not None,
            "HAS_DIGITS": isinstance(x, Digits),
            "OVERLAPS": overlaps,
        },
        8 if width >= WIDE else 4,
        1,
        overlaps,
    )


def add_norm(
    y: Tensor,
    gain_after: Tensor,
    residual: Tensor,
    gain_next: Tensor,
    x: Digits | Tensor,
    *,
    splits: int,
    rows: int,
    eps: float,
    overlaps: bool = False,
) -> KernelLaunch:
    """y: (splits, all rows of x, width), of which the first `rows` are used."""
    values, steps = _parts(x, gain_next)
    width = residual.shape[-1]
    return KernelLaunch(
        add_norm_kernel,
        (rows, 1, 1),
        (y, gain_after, residual, gain_next, values, steps, values.shape[-2], eps),
        {
            "SPLITS": splits,
            "WIDTH": width,
            "WIDTH_2": triton.next_power_of_2(width),
            "HAS_DIGITS": isinstance(x, Digits),
            "OVERLAPS": overlaps,
        },
        _warps(width),
        1,
        overlaps,
    )


def gather_norm(
    residual: Tensor, picked: Tensor, gain: Tensor, x: Digits | Tensor, *, rows: int, eps: float
) -> KernelLaunch:
    values, steps = _parts(x, gain)
    width = residual.shape[-1]
    return KernelLaunch(
        gather_norm_kernel,
        (rows, 1, 1),
        (residual, picked, gain, values, steps, values.shape[-2], eps),
        {"WIDTH": width, "WIDTH_2": triton.next_power_of_2(width), "HAS_DIGITS": isinstance(x, Digits)},
        _warps(width),
    )


def round_rows(values: Tensor, x: Digits, *, rows: int) -> KernelLaunch:
    """values (rows, width) in 16 bits -> the first rows of x, one step each."""
    width = values.shape[-1]
    return KernelLaunch(
        round_kernel,
        (rows, 1, 1),
        (values, x.values, x.steps, x.values.shape[1]),
        {"WIDTH": width, "WIDTH_2": triton.next_power_of_2(width)},
        _warps(width),
    )


def silu(y: Tensor, out: Tensor, *, rows: int) -> KernelLaunch:
    width = out.shape[-1]
    block = min(4096, triton.next_power_of_2(width))
    return KernelLaunch(
        silu_kernel, (rows, -(-width // block), 1), (y, out), {"WIDTH": width, "BLOCK": block}, 8
    )
