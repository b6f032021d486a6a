"""Matrix multiplication by bitsandbytes' LLM.int8() weights: W = CB * SCB / 127, row by row.

If the CPU multiplies int8 exactly, activations are rounded to int8 too, row by row, as in bitsandbytes
(Dettmers et al. 2022, "LLM.int8()", without its separate outliers). Sums of integers do not depend on their
order, so a row's result is the same in any batch, and a product reads a quarter of the bytes
(docs/decisions/0011-int8-products-on-the-cpu.md).
"""

import functools

import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.cpu import operations
from inference.kernels.cpu.compiler import is_supported
from inference.kernels.int8_levels import INT8_MAX, SMALLEST_PEAK
from inference.kernels.linear import EXACT_ROWS, ROW_STEP, linear
from inference.kernels.onednn import has_onednn, has_vnni, int8_product

FLOAT16_SCALE = 1 / 128  # exact
FEW_ROWS = 4  # that the compiled kernel multiplies faster than oneDNN
FEWEST_OUTS = 4  # of the compiled kernel


def dequantize(cb: Tensor, scb: Tensor, dtype: torch.dtype) -> Tensor:
    """cb (out, in) int8, scb (out,) float32 -> (out, in)."""
    return (cb.float() * (scb / INT8_MAX)[:, None]).to(dtype)


def int8_linear(rows: Tensor, cb: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows (n, in), cb (out, in) int8, scale (out,) float32, which is SCB / 127 -> (n, out)."""
    if rounds_activations(rows):
        return _multiply_rounded(rows, cb, scale, bias)
    return _multiply_floats(rows, cb, scale, bias)


def rounds_activations(rows: Tensor) -> bool:
    is_wide = rows.shape[1] > 1  # torch does not multiply a single column
    return is_wide and rows.device.type == "cpu" and rows.dtype == torch.float32 and has_exact_int8()


@functools.cache
def has_exact_int8() -> bool:
    """Whether this CPU has instructions that sum products of int8 in 32 bits, and torch uses them.

    Without them torch has only a slow loop, and oneDNN adds products in 16 bits, where large ones overflow.
    """
    if not (has_onednn() and has_vnni()):
        return False
    rows = torch.full((2, 256), 127, dtype=torch.int8)
    return bool((int8_product(rows, rows.t()) == 256 * 127**2).all())


def _multiply_rounded(rows: Tensor, cb: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    if is_supported():
        levels, steps = operations.round_rows(rows)
        products = _multiply_levels(levels, cb)
        return operations.scale_sums(products, steps, scale, _zeros(len(scale)) if bias is None else bias)
    # The size of a level, (n, 1).
    steps = rows.abs().amax(dim=-1, keepdim=True).clamp_min_(SMALLEST_PEAK).mul_(1 / INT8_MAX)
    levels = rows.div(steps).round_().char()
    scaled = _multiply_levels(levels, cb) * steps
    return scaled.mul_(scale) if bias is None else torch.addcmul(bias, scaled, scale)


def _multiply_levels(levels: Tensor, cb: Tensor) -> Tensor:
    """(n, in) int8 -> (n, out) int32."""
    count = levels.shape[0]
    if count <= FEW_ROWS and len(cb) >= FEWEST_OUTS and is_supported():
        return operations.sum_products(levels, cb)
    padding = -count % ROW_STEP if count > EXACT_ROWS else 0  # torch keeps a compiled kernel for each count
    if padding:
        levels = functional.pad(levels, (0, 0, 0, padding))
    return int8_product(levels, cb.t())[:count]


@functools.cache
def _zeros(count: int) -> Tensor:
    with torch.inference_mode(False):
        return torch.zeros(count)


def _multiply_floats(rows: Tensor, cb: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """The reference. 16-bit floats represent int8 exactly, so the scale can be applied after the product."""
    weight = cb.to(rows.dtype)
    if rows.dtype == torch.float16:  # products are 127 times larger, and would overflow
        weight.mul_(FLOAT16_SCALE)
        scale = scale / FLOAT16_SCALE
    product = linear(rows, weight).float() * scale
    if bias is not None:
        product = product + bias
    return product.to(rows.dtype)
