"""Products on the device against float64, for every shape and bucket in use."""

import pytest
import torch

from inference.kernels.cuda.gemv import gemv
from inference.kernels.cuda.linear import linear
from inference.kernels.cuda.tiles import (
    DECODE_BUCKETS,
    DECODE_ROWS,
    PREFILL_BUCKETS,
    GemvTile,
    Tile,
    decode_tiles,
    fit,
    prefill_tiles,
)
from inference.kernels.digits import Digits, round_to_digits
from inference.models.cuda.buffers import make_digits
from testbed.random_decoder import relative_error

from ...conftest import require_cuda

pytestmark = pytest.mark.cuda

SHAPES = {  # name -> (out, in, columns of x that share a step; None: all)
    "9B qkv": (4608, 4096, None),
    "9B o": (4096, 4096, 128),
    "9B down": (4096, 13_696, 64),
    "9B head": (151_552, 4096, None),
    "embedded qkv": (448, 320, None),
    "embedded o": (320, 320, 32),
    "embedded down": (320, 832, 64),
    "embedded head": (4096, 320, None),
}
GATES = {"9B": (13_696, 4096), "embedded": (832, 320)}
CHIPS = (90, 89)  # tiles of Hopper, and those that fit every chip
DIGITS_ERROR = 1e-3  # rounding x, where some columns are 20 times larger than the others; else 7e-5
ROUNDING = 3e-3  # of 16 bits


@pytest.fixture(autouse=True)
def _device() -> None:
    require_cuda(1)
    torch.manual_seed(torch.seed() % 2**32)


def make_rows(rows: int, width: int) -> torch.Tensor:
    """With outlier channels."""
    values = torch.randn(rows, width, device="cuda")
    values[:, torch.randperm(width)[:8]] *= 20
    return values


def make_weight(out: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    cb = torch.randint(-127, 128, (out, width), dtype=torch.int8, device="cuda")
    return cb, torch.rand(out, device="cuda") + 0.5


def exact_product(x: torch.Tensor, cb: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return (x.double() @ cb.double().T) * scale.double()


def padded(x: torch.Tensor, rows: int, group: int | None) -> Digits:
    """Digits of x in buffers of `rows` rows."""
    return round_to_digits(torch.nn.functional.pad(x, (0, 0, 0, rows - len(x))), group)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("rows", DECODE_BUCKETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_product_of_digits_equals_that_of_floats(shape: str, rows: int, chip: int) -> None:
    out, width, group = SHAPES[shape]
    x, (cb, scale) = make_rows(rows, width), make_weight(out, width)
    bias = torch.randn(out, device="cuda").bfloat16()
    tile = fit(getattr(decode_tiles(chip, rows), shape.split()[1]), out, width, group or width)
    digits = padded(x, DECODE_ROWS, group)
    splits = tile.splits if isinstance(tile, Tile) else 1
    y = torch.full((splits, DECODE_ROWS, out), torch.nan, device="cuda")
    if isinstance(tile, GemvTile):
        gemv(digits, cb, scale, y, tile, rows=rows, bias=bias)()
    else:
        linear(digits, cb, scale, y, tile, rows=rows, bias=bias)()
    exact = exact_product(x, cb, scale) + bias.double()
    assert relative_error(y[:, :rows].double().sum(0), exact) < DIGITS_ERROR


@pytest.mark.parametrize("rows", [1, 2])
def test_a_gemv_with_steps_for_four_columns(rows: int) -> None:
    """As gate_up writes the input of down, with few rows."""
    out, width, _ = SHAPES["9B down"]
    x, (cb, scale) = make_rows(rows, width), make_weight(out, width)
    digits = padded(x, 2, 4)
    by_row = Digits(digits.values, digits.steps.T.contiguous(), 4)
    y = torch.full((2, out), torch.nan, device="cuda")
    tile = decode_tiles(90, rows).down
    assert isinstance(tile, GemvTile)
    gemv(by_row, cb, scale, y, tile, rows=rows)()
    assert relative_error(y[:rows], exact_product(x, cb, scale)) < DIGITS_ERROR


@pytest.mark.parametrize("kind", ["16 bits", "digits"])
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("rows", DECODE_BUCKETS)
@pytest.mark.parametrize("shape", GATES)
def test_gate_and_up_with_silu(shape: str, rows: int, chip: int, kind: str) -> None:
    out, width = GATES[shape]
    x, (cb, scale) = torch.randn(rows, width, device="cuda"), make_weight(2 * out, width)
    scale /= 127 * width**0.5
    tile = fit(decode_tiles(chip, rows).gate_up, out, width, width, has_silu=True)
    digits = padded(x, DECODE_ROWS, None)
    is_gemv = isinstance(tile, GemvTile)
    y: Digits | torch.Tensor
    if kind == "16 bits":
        y = torch.full((DECODE_ROWS, out), torch.nan, dtype=torch.bfloat16, device="cuda")
    else:
        y = make_digits(DECODE_ROWS, out, 4 if is_gemv else tile.columns, torch.device("cuda"))
        y.steps.fill_(torch.nan)
    launch = (gemv if is_gemv else linear)(digits, cb, scale, y, tile, rows=rows, has_silu=True)
    if is_gemv and isinstance(y, Digits):
        y = Digits(y.values, y.steps.view(DECODE_ROWS, -1), 4)
    launch()
    if isinstance(y, Digits) and is_gemv:
        y = Digits(y.values, y.steps.T, 4)
    found = (y.join() if isinstance(y, Digits) else y)[:rows]
    gate, up = exact_product(x, cb, scale).chunk(2, dim=-1)
    exact = torch.nn.functional.silu(gate) * up
    assert relative_error(found, exact) < (ROUNDING if kind == "16 bits" else DIGITS_ERROR)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("rows", [4, 16, 64])
def test_down_takes_16_bits_as_well(rows: int, chip: int) -> None:
    out, width, _ = SHAPES["9B down"]
    x, (cb, scale) = torch.randn(rows, width, device="cuda").bfloat16(), make_weight(out, width)
    tile = fit(decode_tiles(chip, 16).down, out, width, width)
    assert isinstance(tile, Tile)
    x_all = torch.nn.functional.pad(x, (0, 0, 0, DECODE_ROWS - rows))
    y = torch.full((tile.splits, DECODE_ROWS, out), torch.nan, device="cuda")
    linear(x_all, cb, scale, y, tile, rows=rows)()
    assert relative_error(y[:, :rows].double().sum(0), exact_product(x, cb, scale)) < 1e-5


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("rows", PREFILL_BUCKETS)
@pytest.mark.parametrize("shape", [name for name in SHAPES if "head" not in name])
def test_a_product_of_a_short_prefill(shape: str, rows: int, chip: int) -> None:
    out, width, _ = SHAPES[shape]
    x, (cb, scale) = make_rows(rows, width), make_weight(out, width)
    digits = round_to_digits(x)
    for tile in (prefill_tiles(chip).wide, prefill_tiles(chip).narrow):
        if rows % tile.rows == 0:
            fitted = fit(tile, out, width, width)
            assert isinstance(fitted, Tile)
            y = torch.full((rows, out), torch.nan, device="cuda")
            linear(digits, cb, scale, y, fitted, rows=rows)()
            assert relative_error(y, exact_product(x, cb, scale)) < DIGITS_ERROR
