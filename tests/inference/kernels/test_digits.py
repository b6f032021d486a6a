"""Two digits: they are exact within half a step, and outliers do not affect other channels."""

import pytest
import torch

from inference.kernels.digits import LARGEST, digits_linear, round_to_digits

ROWS, WIDTH = 5, 256


@pytest.mark.parametrize("group", [None, 64, 4])
def test_a_number_is_within_half_a_step(group: int | None) -> None:
    rows = torch.randn(ROWS, WIDTH, dtype=torch.float64)
    digits = round_to_digits(rows, group)
    steps = digits.steps.double().T.repeat_interleave(group or WIDTH, dim=1)
    assert ((digits.join() - rows).abs() <= 0.501 * steps).all()  # the division rounds, too
    assert digits.values.shape == (2, ROWS, WIDTH)
    assert digits.steps.shape == (WIDTH // (group or WIDTH), ROWS)


def test_the_largest_number_of_a_row_uses_all_steps() -> None:
    digits = round_to_digits(torch.tensor([[1.0, -1.0, 0.5, 0.0]]))
    assert digits.values[:, 0].tolist() == [[127, -127, 64, 0], [0, 0, -64, 0]]
    assert digits.steps.item() == pytest.approx(1 / LARGEST)


def test_a_row_of_zeros_stays_zeros() -> None:
    assert (round_to_digits(torch.zeros(1, 8)).join() == 0).all()


def test_channels_twenty_times_larger_cost_the_others_little() -> None:
    rows = torch.randn(ROWS, WIDTH)
    rows[:, :3] *= 20
    cb = torch.randint(-127, 128, (64, WIDTH), dtype=torch.int8)
    scale = torch.rand(64)
    exact = rows.double() @ cb.double().T * scale.double()
    found = digits_linear(round_to_digits(rows), cb, scale)
    assert (found - exact).norm() / exact.norm() < 2e-3
