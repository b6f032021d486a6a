"""LLM.int8() weights: quantised by bitsandbytes, or read as bitsandbytes saved them."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from inference.errors import InvalidCheckpoint
from inference.loading.checkpoint import Checkpoint

ROW_MAJOR = 0  # bitsandbytes' `weight_format`


@dataclass(frozen=True, slots=True, eq=False)
class Int8Weight:
    """W = CB * SCB / 127."""

    cb: Tensor  # (out, in) int8
    scb: Tensor  # (out,) float32


def quantize(weight: Tensor) -> Int8Weight:
    """weight (out, in). Quantises on the weight's device, from 16 bits as bitsandbytes does."""
    cb, scb, _ = _quantizer()(weight.to(torch.float16).contiguous())
    return Int8Weight(cb, scb.float().flatten())


@cache
def _quantizer() -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor | None]]:
    """Its import takes seconds, and few starts need it. It leaves an error behind, whose frames would keep
    what the caller loads until garbage is collected."""
    from bitsandbytes.functional import int8_vectorwise_quant

    gc.collect()
    quantizer: Callable[[Tensor], tuple[Tensor, Tensor, Tensor | None]] = int8_vectorwise_quant
    return quantizer


def is_int8(checkpoint: Checkpoint, module_name: str) -> bool:
    return f"{module_name}.SCB" in checkpoint


def read_int8(checkpoint: Checkpoint, module_name: str) -> Int8Weight:
    """Reads what `Linear8bitLt` saved, without unpacking it to 16 bits."""
    cb = checkpoint.read(f"{module_name}.weight")
    scb = checkpoint.read(f"{module_name}.SCB").flatten()
    format_name = f"{module_name}.weight_format"
    is_row_major = format_name not in checkpoint or int(checkpoint.read(format_name)) == ROW_MAJOR
    if cb.dtype != torch.int8 or scb.shape != cb.shape[:1] or not is_row_major:
        raise InvalidCheckpoint(
            f"The int8 weights {module_name} are not in bitsandbytes' row format; quantise the model again."
        )
    return Int8Weight(cb, scb.float())
