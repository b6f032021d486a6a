"""The CPU's implementation against torch's own, and against itself in a batch."""

import pytest
import torch
from torch.nn import functional

from inference.kernels.rms_norm import add_rms_norm, rms_norm

EPS = 1e-5


@pytest.mark.parametrize("width", [1, 64, 77, 384, 4096])
def test_rows_are_normalised_as_torch_does(width: int) -> None:
    torch.manual_seed(0)
    rows, residual, weight = torch.randn(9, width), torch.randn(9, width), torch.randn(width)
    expected = functional.rms_norm(rows, weight.shape, weight, EPS)
    torch.testing.assert_close(rms_norm(rows, weight, EPS), expected)
    torch.testing.assert_close(add_rms_norm(residual, rows, weight, EPS), residual + expected)


def test_a_row_of_zeros_stays_zeros() -> None:
    assert not rms_norm(torch.zeros(2, 64), torch.ones(64), EPS).any()


@pytest.mark.parametrize("width", [64, 77, 384])
def test_a_row_does_not_depend_on_how_many_there_are(width: int) -> None:
    torch.manual_seed(0)
    rows, residual, weight = torch.randn(300, width), torch.randn(300, width), torch.randn(width)
    normal, added = rms_norm(rows, weight, EPS), add_rms_norm(residual, rows, weight, EPS)
    for count in (1, 2, 3, 4, 7, 16, 33, 128):
        assert torch.equal(rms_norm(rows[:count], weight, EPS), normal[:count])
        assert torch.equal(add_rms_norm(residual[:count], rows[:count], weight, EPS), added[:count])
