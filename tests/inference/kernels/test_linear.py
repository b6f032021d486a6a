"""Rows that do not depend on their neighbours, with every kind of weight."""

import pytest
import torch
from torch.nn import functional

from inference.kernels.int8_linear import dequantize, int8_linear
from inference.kernels.linear import has_onednn, linear, pack_weight, row_count

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
        "int8": lambda some: int8_linear(some, cb, scb, bias),
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


def test_int8_weights_give_the_product_with_what_they_stand_for() -> None:
    torch.manual_seed(0)
    cb, scb = torch.randint(-127, 128, (40, 50), dtype=torch.int8), torch.rand(40)
    rows, bias = torch.randn(7, 50), torch.randn(40)
    expected = functional.linear(rows, dequantize(cb, scb, torch.float32), bias)
    torch.testing.assert_close(int8_linear(rows, cb, scb, bias), expected, atol=1e-4, rtol=1e-4)
