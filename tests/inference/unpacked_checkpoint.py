"""A checkpoint in int8 as the floats that it stands for, to put its answers beside."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from inference.kernels.int8_linear import dequantize

from .tiny_checkpoints import edit_weights


def write_unpacked(source: Path, directory: Path) -> None:
    """Numbers in 32 bits: nothing is rounded."""
    shutil.copytree(source, directory)
    weights = load_file(source / "model.safetensors")
    changes: dict[str, Tensor | None] = {}
    for name in [name.removesuffix(".SCB") for name in weights if name.endswith(".SCB")]:
        cb, scb = weights[f"{name}.weight"], weights[f"{name}.SCB"].flatten()
        changes[f"{name}.weight"] = dequantize(cb, scb, torch.float32)
        changes |= {f"{name}.SCB": None, f"{name}.weight_format": None}
    edit_weights(directory, changes)
