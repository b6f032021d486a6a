"""The compiled operations against torch, and against themselves with other rows and threads."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.cpu import operations, products
from inference.kernels.cpu.compiler import compile_kernels
from inference.kernels.cpu.operations import Panels, multiply, pack_panels

SHAPES = ((384, 64), (1536, 192), (77, 300), (5, 3), (4096, 33))  # outputs, inputs
COUNTS = (1, 2, 3, 4, 5, 6, 7, 11, 12, 95, 96, 97, 101, 250)
EPS = 1e-5


def random_panels(outs: int, width: int, *, is_int8: bool) -> tuple[Panels, Tensor, Tensor]:
    """With the matrix and the bias in float64."""
    generator = torch.Generator().manual_seed(outs)
    bias = torch.randn(outs, generator=generator)
    if not is_int8:
        weight = torch.randn(outs, width, generator=generator)
        return pack_panels(weight, None, bias), weight.double(), bias.double()
    weight = torch.randint(-128, 128, (outs, width), dtype=torch.int8, generator=generator)
    scale = torch.rand(outs, generator=generator) / 64
    return pack_panels(weight, scale, bias), weight.double() * scale.double()[:, None], bias.double()


@pytest.fixture(autouse=True)
def two_threads():
    """Of torch: how much work a thread gets decides whether both are used."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("is_int8", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_products_are_those_of_float64_for_any_number_of_rows(shape: tuple[int, int], is_int8: bool) -> None:
    panels, weight, bias = random_panels(*shape, is_int8=is_int8)
    rows = torch.randn(max(COUNTS), shape[1], generator=torch.Generator().manual_seed(1))
    whole = multiply(rows, panels)
    expected = rows.double() @ weight.T + bias
    scale = rows.double().abs() @ weight.abs().T + bias.abs()
    assert ((whole - expected).abs() < 4e-7 * shape[1] ** 0.5 * scale).all()
    for count in COUNTS:
        assert torch.equal(multiply(rows[:count], panels), whole[:count]), count
        assert torch.equal(multiply(rows[-count:], panels), whole[-count:]), count


def test_threads_do_not_change_a_product() -> None:
    panels, *_ = random_panels(4096, 768, is_int8=False)
    rows = torch.randn(200, 768)
    by_two = multiply(rows, panels)
    torch.set_num_threads(1)
    assert torch.equal(multiply(rows, panels), by_two)


@pytest.mark.parametrize("is_int8", [False, True])
def test_tiles_for_other_registers_give_the_same_bits(is_int8: bool) -> None:
    panels, *_ = random_panels(203, 55, is_int8=is_int8)
    rows = torch.randn(101, 55)
    found = []
    for is_wide in (False, True):
        build = partial(products.build, name="p", is_int8=is_int8, is_wide=is_wide)
        kernel = compile_kernels(("tiles", is_int8, is_wide), build)["p"]
        out = torch.full((101, 203), torch.nan)
        addresses = [each.data_ptr() for each in (rows, panels.weight, panels.scale, panels.bias, out)]
        kernel(*addresses, 101, 55, 203, products.count_units(101, 203), 1)
        found.append(out)
    assert torch.equal(*found)
    assert torch.equal(found[0], multiply(rows, panels))


def test_a_number_that_is_not_finite_spoils_its_row_alone() -> None:
    panels, *_ = random_panels(40, 50, is_int8=True)
    rows = torch.ones(9, 50)
    rows[2, 3], rows[7, 4] = torch.nan, torch.inf
    finite = multiply(rows, panels).isfinite()
    assert finite.all(dim=1).tolist() == [number not in (2, 7) for number in range(9)]
    assert not finite[2].any()
    for operation in (
        lambda some: operations.norm(some, torch.ones(50), EPS),
        lambda some: operations.add_norm(torch.ones(9, 50), some, torch.ones(50), EPS),
        lambda some: operations.scale_sums(
            torch.ones(9, 50).int(), operations.round_rows(some)[1], torch.ones(50), torch.zeros(50)
        ),
    ):
        assert operation(rows).isnan().any(dim=1).tolist()[2]
        assert operation(rows)[[0, 1, 3, 4, 5, 6, 8]].isfinite().all()
    assert operations.silu(rows).isnan().any(dim=1).tolist()[2]


@pytest.mark.parametrize("width", [1, 15, 64, 77, 384, 4096])
def test_rows_between_products_are_computed_as_by_torch(width: int) -> None:
    torch.manual_seed(0)
    rows, residual, weight = 3 * torch.randn(9, width), torch.randn(9, width), torch.randn(width)
    normal = functional.rms_norm(rows, weight.shape, weight, EPS)
    torch.testing.assert_close(operations.norm(rows, weight, EPS), normal)
    torch.testing.assert_close(operations.add_norm(residual, rows, weight, EPS), residual + normal)
    gate_up = 30 * torch.randn(9, 2 * width)
    gate_up[0, 0] = -1000
    gate, up = gate_up.double().chunk(2, dim=-1)
    expected = (functional.silu(gate) * up).float()
    torch.testing.assert_close(operations.silu(gate_up), expected, rtol=2e-6, atol=1e-30)


@pytest.mark.parametrize("width", [1, 64, 77])
def test_rounding_to_int8_is_that_of_torch(width: int) -> None:
    torch.manual_seed(0)
    rows = torch.randn(9, width) * torch.logspace(-6, 6, 9)[:, None]
    rows[3] = 0
    levels, steps = operations.round_rows(rows)
    expected = rows.abs().amax(dim=1).clamp_min(1e-30) * (1 / 127)
    assert torch.equal(steps, expected)
    assert torch.equal(levels, (rows / expected[:, None]).round().char())
    sums, bias = torch.randint(-99_999, 99_999, (9, width), dtype=torch.int32), torch.randn(width)
    scale = torch.rand(width)
    scaled = sums.double() * steps.double()[:, None] * scale.double() + bias.double()
    torch.testing.assert_close(operations.scale_sums(sums, steps, scale, bias), scaled.float())


@pytest.mark.parametrize(
    "operation",
    [
        lambda rows: operations.norm(rows, torch.ones(rows.shape[1]), EPS),
        lambda rows: operations.add_norm(rows, rows, torch.ones(rows.shape[1]), EPS),
        operations.silu,
        lambda rows: operations.round_rows(rows)[1],
    ],
    ids=["norm", "add_norm", "silu", "round_rows"],
)
def test_a_row_does_not_depend_on_the_others(operation: Callable[[Tensor], Tensor]) -> None:
    rows = torch.randn(300, 384, generator=torch.Generator().manual_seed(0))
    whole = operation(rows)
    for count in (1, 2, 7, 128):
        assert torch.equal(operation(rows[:count]), whole[:count])


@pytest.mark.parametrize("shape", [(4, 1), (5, 31), (7, 32), (640, 384), (384, 1024)])
@pytest.mark.parametrize("count", [1, 3])
def test_sums_of_integers_are_exact(shape: tuple[int, int], count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    weight = torch.randint(-128, 128, shape, dtype=torch.int8, generator=generator)
    levels = torch.randint(-127, 128, (count, shape[1]), dtype=torch.int8, generator=generator)
    levels[0], weight[0] = 127, -128
    expected = (levels.double() @ weight.double().T).int()
    assert torch.equal(operations.sum_products(levels, weight), expected)
