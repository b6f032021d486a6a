"""The compiled kernels as operations on tensors: float32 rows, on the CPU, one after the other in memory.

Each kernel is compiled at its first use, or before. A row's result does not depend on the other rows, to the
last bit.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.cpu.compiler import LANES, Kernel, has_wide_vectors, start_compiling, thread_count

ENOUGH = 1 << 20  # multiplications of a thread, some 30 µs
ENOUGH_NUMBERS = 1 << 15  # of a thread, where each costs an exponential function at most


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """A matrix (outs, width) as sixteen outputs side by side, one input after the other."""

    weight: Tensor  # (panels, width, LANES) float32 or int8
    scale: Tensor  # (panels * LANES,) float32; not used for floats
    bias: Tensor  # the same
    outs: int

    @property
    def width(self) -> int:
        return self.weight.shape[1]


def pack_panels(weight: Tensor, scale: Tensor | None, bias: Tensor | None) -> Panels:
    """weight (outs, width), float32, or int8 with a scale (outs,) float32."""
    outs, width = weight.shape
    missing = -outs % LANES
    padded = functional.pad(weight, (0, 0, 0, missing)).view(-1, LANES, width)
    zeros = torch.zeros(outs + missing)
    return Panels(
        padded.transpose(1, 2).contiguous(),
        zeros if scale is None else functional.pad(scale.float(), (0, missing)),
        zeros if bias is None else functional.pad(bias.float(), (0, missing)),
        outs,
    )


def multiply(rows: Tensor, panels: Panels) -> Tensor:
    """rows (n, width) -> rows @ weight.T, times the scale of int8, plus the bias: (n, outs)."""
    rows = rows.contiguous()
    count, width = rows.shape
    out = torch.empty(count, panels.outs)
    kernel, count_units = _product(panels.weight.dtype == torch.int8)
    kernel(
        rows.data_ptr(),
        panels.weight.data_ptr(),
        panels.scale.data_ptr(),
        panels.bias.data_ptr(),
        out.data_ptr(),
        count,
        width,
        panels.outs,
        count_units(count, panels.outs),
        thread_count(count * width * panels.outs, ENOUGH),
    )
    return out


def norm(rows: Tensor, weight: Tensor, eps: float) -> Tensor:
    """The root-mean-square norm: rows (n, width), weight (width,) -> (n, width)."""
    return _normalise(_row_kernel("norm"), rows, weight, eps, rows)


def add_norm(residual: Tensor, rows: Tensor, weight: Tensor, eps: float) -> Tensor:
    """residual and rows (n, width) -> residual + norm(rows)."""
    return _normalise(_row_kernel("add_norm"), rows, weight, eps, residual.contiguous())


def _normalise(kernel: Kernel, rows: Tensor, weight: Tensor, eps: float, residual: Tensor) -> Tensor:
    rows = rows.contiguous()
    out = torch.empty_like(rows)
    count, width = rows.shape
    threads = thread_count(count * width, ENOUGH_NUMBERS)
    kernel(
        rows.data_ptr(),
        weight.data_ptr(),
        eps,
        residual.data_ptr(),
        out.data_ptr(),
        width,
        count,
        threads,
    )
    return out


def silu(gate_up: Tensor) -> Tensor:
    """gate_up (n, 2 * width), gates first -> silu(gate) * up (n, width)."""
    gate_up = gate_up.contiguous()
    count, double = gate_up.shape
    out = torch.empty(count, double // 2)
    threads = thread_count(count * double, ENOUGH_NUMBERS)
    _row_kernel("silu")(gate_up.data_ptr(), out.data_ptr(), double // 2, count, threads)
    return out


def round_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """rows (n, width) -> levels (n, width) int8, and the size of a level in each row, (n,)."""
    rows = rows.contiguous()
    count, width = rows.shape
    levels, steps = torch.empty(count, width, dtype=torch.int8), torch.empty(count)
    threads = thread_count(count * width, ENOUGH_NUMBERS)
    _row_kernel("round_rows")(rows.data_ptr(), levels.data_ptr(), steps.data_ptr(), width, count, threads)
    return levels, steps


def scale_sums(sums: Tensor, steps: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """sums (n, width) int32, steps (n,), scale and bias (width,) -> sums * steps * scale + bias."""
    sums = sums.contiguous()
    count, width = sums.shape
    out = torch.empty(count, width)
    _row_kernel("scale_sums")(
        sums.data_ptr(),
        steps.data_ptr(),
        scale.data_ptr(),
        bias.data_ptr(),
        out.data_ptr(),
        width,
        count,
        thread_count(count * width, ENOUGH_NUMBERS),
    )
    return out


def sum_products(levels: Tensor, weight: Tensor) -> Tensor:
    """levels (n, width) int8, weight (outs, width) int8 -> levels @ weight.T (n, outs) int32, exact.

    Of at least `integer_sums.OUTS` outputs.
    """
    from inference.kernels.cpu import integer_sums

    levels, weight = levels.contiguous(), weight.contiguous()
    (count, width), outs = levels.shape, len(weight)
    out = torch.empty(count, outs, dtype=torch.int32)
    start_compiling_integer_sums().result()["sum_products"](
        levels.data_ptr(),
        weight.data_ptr(),
        out.data_ptr(),
        count,
        width,
        outs,
        integer_sums.count_units(outs),
        thread_count(count * width * outs, ENOUGH),
    )
    return out


def start_compiling_integer_sums() -> Future[dict[str, Kernel]]:
    from inference.kernels.cpu import integer_sums

    return start_compiling("integer_sums", partial(integer_sums.build, is_wide=has_wide_vectors()))


@functools.cache
def _product(is_int8: bool) -> tuple[Kernel, Callable[[int, int], int]]:
    """Returns the kernel, and what counts its units for a number of rows and outputs."""
    from inference.kernels.cpu import products

    return start_compiling_products(is_int8).result()["product"], products.count_units


def start_compiling_products(is_int8: bool) -> Future[dict[str, Kernel]]:
    from inference.kernels.cpu import products

    build = partial(products.build, name="product", is_int8=is_int8, is_wide=has_wide_vectors())
    return start_compiling(("product", is_int8), build)


@functools.cache
def _row_kernel(name: str) -> Kernel:
    return start_compiling_row_operations().result()[name]


def start_compiling_row_operations() -> Future[dict[str, Kernel]]:
    """All but products."""
    from inference.kernels.cpu import rows

    return start_compiling("rows", rows.build)
