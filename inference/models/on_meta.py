"""Modules without storage, which a checkpoint's tensors then fill one by one."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def build_on_meta(make: Callable[[], M]) -> M:
    """Returns the module that `make` builds, for inference, with its tensors on the device "meta"."""
    with torch.device("meta"):
        return make().eval()
