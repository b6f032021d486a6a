"""The activation between the two products of an MLP: SiLU of the gate, times the other half."""

import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.cpu import operations
from inference.kernels.cpu.compiler import is_supported


def silu_and_multiply(gate_up: Tensor) -> Tensor:
    """gate_up (n, 2 * width), gates first -> (n, width)."""
    if gate_up.device.type == "cpu" and gate_up.dtype == torch.float32 and is_supported():
        return operations.silu(gate_up)
    gate, up = gate_up.chunk(2, dim=-1)
    return functional.silu(gate) * up
