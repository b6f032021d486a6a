"""Divides a decoder's layers among devices that share them."""

from collections.abc import Sequence

import torch

from inference.errors import InvalidConfiguration
from inference.models.stages import Stage


def place_layers(
    num_layers: int, devices: Sequence[torch.device], layer_bytes: Sequence[int]
) -> tuple[Stage, ...]:
    """Consecutive layers in proportion to `layer_bytes`, the memory that each device has for layers and their
    cache, so that the cache is as large as it can be. Every device gets one layer at least.

    Raises `InvalidConfiguration` if there are fewer layers than devices.
    """
    if num_layers < len(devices):
        raise InvalidConfiguration(
            f"The model's {num_layers} layers cannot be split over {len(devices)} devices; name fewer."
        )
    spare = num_layers - len(devices)
    sizes = [max(1, size) for size in layer_bytes]
    shares = [spare * size / sum(sizes) for size in sizes]
    counts = [1 + int(share) for share in shares]
    by_remainder = sorted(range(len(devices)), key=lambda index: int(shares[index]) - shares[index])
    for index in by_remainder[: num_layers - sum(counts)]:
        counts[index] += 1
    ends = [sum(counts[: index + 1]) for index in range(len(devices))]
    return tuple(
        Stage(device, end - count, end) for device, count, end in zip(devices, counts, ends, strict=True)
    )
