import random

import pytest

from app.ops.distribution import Distribution


def distribution(*values: float) -> Distribution:
    made = Distribution()
    for value in values:
        made.add(value)
    return made


def test_nothing_has_no_quantile():
    assert distribution().quantile(0.5) is None


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 1.0])
def test_quantiles_are_within_the_stated_error(share):
    source = random.Random(7)
    values = sorted(source.lognormvariate(-1, 1) for _ in range(2000))
    exact = values[max(0, round(share * len(values)) - 1)]
    assert distribution(*values).quantile(share) == pytest.approx(exact, rel=0.03)


def test_merged_parts_are_as_if_all_had_come_to_one():
    few, many = distribution(0.1), distribution(*[4.0] * 99)
    merged = Distribution.merged([few, many])
    assert len(merged) == 100
    assert merged.quantile(0.01) == pytest.approx(0.1, rel=0.03)
    assert merged.quantile(0.02) == pytest.approx(4.0, rel=0.03)
    assert len(few) == 1


def test_any_number_of_values_takes_a_bounded_number_of_counters():
    source = random.Random(7)
    made = distribution(*(10 ** source.uniform(-9, 9) for _ in range(20_000)), 0.0)
    assert len(made._counts) < 400
