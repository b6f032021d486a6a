"""The type of the decoder's products, after `inference/loading/weights.py` has loaded them."""

from torch import nn

from inference.models.layers import Int8Linear


def int8(module: nn.Module) -> Int8Linear:
    """For the products that `missing_support` has checked."""
    assert isinstance(module, Int8Linear)
    return module
