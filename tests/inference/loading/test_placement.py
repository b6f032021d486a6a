"""Layers are divided by memory, in order, without gaps."""

import pytest
import torch

from inference.errors import InvalidConfiguration
from inference.loading.placement import place_layers

GIGABYTE = 10**9


def counts(num_layers: int, gigabytes: list[float]) -> list[int]:
    devices = [torch.device("cuda", index) for index in range(len(gigabytes))]
    stages = place_layers(num_layers, devices, [int(each * GIGABYTE) for each in gigabytes])
    assert [stage.device for stage in stages] == devices
    assert [stage.first for stage in stages] == [0, *(stage.end for stage in stages[:-1])]
    assert stages[-1].end == num_layers
    return [stage.num_layers for stage in stages]


@pytest.mark.parametrize(
    ("gigabytes", "expected"),
    [
        ([20, 20], [20, 20]),
        ([10, 30], [11, 29]),
        ([0, 30], [1, 39]),
        ([0, 0], [20, 20]),
        ([24, 24, 12], [16, 16, 8]),
        ([5] * 40, [1] * 40),
        ([9], [40]),
    ],
)
def test_layers_follow_the_memory(gigabytes: list[float], expected: list[int]) -> None:
    assert counts(40, gigabytes) == expected


@pytest.mark.parametrize("num_layers", range(3, 45))
def test_every_device_has_a_layer(num_layers: int) -> None:
    assert min(counts(num_layers, [1, 50, 3])) >= 1


def test_more_devices_than_layers_are_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="2 layers cannot be split over 3 devices"):
        counts(2, [1, 1, 1])
