"""Rows that do not depend on other rows, with every kind of weight."""

import pytest
import torch
from torch.nn import functional

from inference.kernels.int8_linear import dequantize, has_exact_int8, int8_linear
from inference.kernels.linear import linear, row_count
from inference.kernels.onednn import has_onednn, pack_weight

SHAPES = ((64, 128), (192, 1536), (768, 192), (77, 300), (1024, 256), (4096, 256))
COUNTS = (*range(1, 41), 64, 100, 127, 256, 257)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["plain", "packed", "int8"])
def test_a_row_does_not_depend_on_how_many_there_are(kind: str, shape: tuple[int, int]) -> None:
    if not has_onednn():
        pytest.skip("not promised without oneDNN's kernels")
    torch.manual_seed(0)
    width, out = shape
    weight, bias, rows = torch.randn(out, width), torch.randn(out), torch.randn(300, width)
    cb, scb = torch.randint(-127, 128, (out, width), dtype=torch.int8), torch.rand(out)
    packed = pack_weight(weight) if kind == "packed" else weight
    multiply = {
        "plain": lambda some: linear(some, weight, bias),
        "packed": lambda some: linear(some, packed, bias),
        "int8": lambda some: int8_linear(some, cb, scb / 127, bias),
    }[kind]
    expected = multiply(rows)
    for count in COUNTS:
        assert torch.equal(multiply(rows[:count]), expected[:count]), count


def test_plain_and_packed_weights_give_the_product() -> None:
    torch.manual_seed(0)
    weight, bias, rows = torch.randn(96, 50), torch.randn(96), torch.randn(7, 50)
    expected = functional.linear(rows, weight, bias)
    torch.testing.assert_close(linear(rows, weight, bias), expected)
    if has_onednn():
        torch.testing.assert_close(linear(rows, pack_weight(weight), bias), expected)


def test_chunks_of_any_length_are_computed_in_few_sizes() -> None:
    sizes = {row_count(count) for count in range(1, 513)}
    assert len(sizes) <= 32
    assert all(0 <= row_count(count) - count < 32 for count in range(1, 513))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_int8_weights_give_the_product_of_the_weights_that_they_represent(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    cb, scb = torch.randint(-127, 128, (40, 50), dtype=torch.int8), torch.rand(40)
    steps, bias = torch.randint(-127, 128, (7, 50)).float(), torch.randn(40)
    steps[:, 0] = 127  # each row's largest, so that none is rounded
    rows = steps / 64
    expected = functional.linear(rows, dequantize(cb, scb, torch.float32), bias)
    found = int8_linear(rows.to(dtype), cb, scb / 127, bias).float()
    torch.testing.assert_close(found, expected, rtol=0, atol=torch.finfo(dtype).eps * 200)


def test_activations_are_rounded_by_at_most_half_a_step() -> None:
    torch.manual_seed(0)
    cb, scb = 127 * torch.eye(50, dtype=torch.int8), torch.ones(50)
    rows = torch.randn(7, 50) * torch.logspace(-6, 6, 7)[:, None]
    rows[3] = 0
    error = (int8_linear(rows, cb, scb / 127) - rows).abs()
    largest = 0.5 / 127 if has_exact_int8() else torch.finfo(torch.float32).eps
    assert (error <= largest * (1 + 1e-5) * rows.abs().amax(dim=1, keepdim=True)).all()


def test_rows_that_are_not_finite_give_no_finite_products() -> None:
    rows = torch.ones(3, 50)
    rows[0, 3], rows[1, 4] = torch.nan, torch.inf
    products = int8_linear(rows, torch.ones(40, 50, dtype=torch.int8), torch.ones(40))
    assert products.isfinite().tolist() == [[False] * 40, [False] * 40, [True] * 40]
