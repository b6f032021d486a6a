"""Norms, the embedding, the residual and roundings against float64."""

import pytest
import torch

from inference.kernels.cuda.dequantize import dequantize
from inference.kernels.cuda.norm import add_norm, begin, gather_norm, round_rows, silu
from inference.kernels.digits import Digits
from inference.kernels.int8_linear import dequantize as reference_dequantize
from inference.models.cuda.buffers import make_digits
from testbed.random_decoder import relative_error

from ...conftest import require_cuda

pytestmark = pytest.mark.cuda

ROWS, EPS = 64, 1e-5
WIDTHS = (4096, 320)
DIGITS_ERROR = 1e-3  # with channels 20 times larger than the others
ROUNDING = 3e-3  # of 16 bits


@pytest.fixture(autouse=True)
def _device() -> None:
    require_cuda(1)


def norm(rows: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return rows * (rows.pow(2).mean(-1, keepdim=True) + EPS).rsqrt() * gain.double()


def gains(width: int) -> torch.Tensor:
    gain = 1 + 0.2 * torch.randn(width, device="cuda")
    gain[torch.randperm(width)[:4]] *= 20
    return gain.bfloat16()


def output(rows: int, width: int, kind: str) -> Digits | torch.Tensor:
    if kind == "digits":
        return make_digits(rows, width, width, torch.device("cuda"))
    return torch.full((rows, width), torch.nan, dtype=torch.bfloat16, device="cuda")


def numbers(x: Digits | torch.Tensor) -> torch.Tensor:
    return x.join() if isinstance(x, Digits) else x.double()


@pytest.mark.parametrize("kind", ["digits", "16 bits"])
@pytest.mark.parametrize("splits", [1, 4, 8])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_residual_and_both_norms(width: int, splits: int, kind: str) -> None:
    y = torch.randn(splits, ROWS, width, device="cuda")
    residual = torch.randn(ROWS, width, device="cuda").bfloat16()
    after, following = gains(width), gains(width)
    exact = residual.double() + norm(y.double().sum(0), after)
    x = output(ROWS, width, kind)
    add_norm(y, after, residual, following, x, splits=splits, rows=ROWS, eps=EPS)()
    assert relative_error(residual, exact) < ROUNDING
    expected = norm(residual.double(), following)
    assert relative_error(numbers(x), expected) < (DIGITS_ERROR if kind == "digits" else ROUNDING)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("has_scale", [True, False])
def test_the_first_kernel_embeds_rotates_and_normalises(width: int, has_scale: bool) -> None:
    """Some ids are known, the others were drawn by the previous step."""
    vocab_size, pairs = 500, 8
    table = torch.randint(-127, 128, (vocab_size, width), dtype=torch.int8, device="cuda")
    scale = torch.rand(vocab_size, device="cuda") / 50
    floats = (table.float() * scale[:, None]).bfloat16()
    drawn = torch.randint(0, vocab_size, (ROWS,), dtype=torch.int32, device="cuda")
    drawn[3] = -1  # a row that was not finite; its result does not matter
    ids = torch.randint(0, vocab_size, (ROWS,), dtype=torch.int32, device="cuda")
    known = ids.clone()
    ids[1::2] = -1 - torch.arange(1, ROWS, 2, device="cuda").flip(0).int()
    known[1::2] = drawn[1::2].flip(0).clamp(min=0)
    positions = torch.randint(0, 25_000, (3, ROWS), dtype=torch.int32, device="cuda")
    axes = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2], dtype=torch.int32, device="cuda")
    frequencies = 10_000.0 ** -(torch.arange(pairs, device="cuda") / pairs)
    residual = torch.full((ROWS, width), torch.nan, dtype=torch.bfloat16, device="cuda")
    cosines, sines = torch.empty(2, ROWS, pairs, device="cuda")
    x, gain = output(ROWS, width, "digits"), gains(width)
    begin(
        ids=ids,
        drawn=drawn,
        positions=positions,
        axes=axes,
        frequencies=frequencies,
        table=(table, scale) if has_scale else (floats, None),
        gain=gain,
        residual=residual,
        x=x,
        cosines=cosines,
        sines=sines,
        position_rows=ROWS,
        rows=ROWS,
        eps=EPS,
    )()
    assert torch.equal(residual, floats[known.long()])
    assert relative_error(numbers(x), norm(residual.double(), gain)) < DIGITS_ERROR
    angles = positions.T.double()[:, axes.long()] * frequencies.double()
    torch.testing.assert_close(
        cosines.double(), angles.cos(), atol=3e-3, rtol=0
    )  # float32 of angles up to 25,000
    torch.testing.assert_close(sines.double(), angles.sin(), atol=3e-3, rtol=0)


@pytest.mark.parametrize("width", WIDTHS)
def test_picked_rows_are_normalised(width: int) -> None:
    residual = torch.randn(300, width, device="cuda").bfloat16()
    picked = torch.randint(0, 300, (ROWS,), dtype=torch.int32, device="cuda")
    gain, x = gains(width), output(ROWS, width, "digits")
    gather_norm(residual, picked, gain, x, rows=ROWS, eps=EPS)()
    assert relative_error(numbers(x), norm(residual[picked.long()].double(), gain)) < DIGITS_ERROR


@pytest.mark.parametrize("width", [13_696, 832])
def test_rows_become_digits_and_gates_close(width: int) -> None:
    y = torch.randn(ROWS, 2 * width, device="cuda").bfloat16()
    out = torch.full((ROWS, width), torch.nan, dtype=torch.bfloat16, device="cuda")
    silu(y, out, rows=ROWS)()
    gate, up = y.double().chunk(2, -1)
    assert relative_error(out, gate * gate.sigmoid() * up) < ROUNDING
    x = make_digits(ROWS, width, width, torch.device("cuda"))
    round_rows(out, x, rows=ROWS)()
    assert relative_error(x.join(), out.double()) < DIGITS_ERROR


@pytest.mark.parametrize("shape", [(300, 4096), (64, 13_696), (64, 320)])
def test_weights_are_widened_as_by_the_reference(shape: tuple[int, int]) -> None:
    cb = torch.randint(-127, 128, shape, dtype=torch.int8, device="cuda")
    scb = torch.rand(shape[0], device="cuda")
    out = torch.full(shape, torch.nan, dtype=torch.bfloat16, device="cuda")
    dequantize(cb, scb / 127, out)()
    assert torch.equal(out, reference_dequantize(cb, scb, torch.bfloat16))
