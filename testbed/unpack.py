"""A checkpoint in int8 as the floats that it stands for: `python -m testbed.unpack DIR [--model DIR]`.

To compare the answers of both: `python -m training.evaluate --model … --model DIR`.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.config import EMBEDDED_MODEL
from inference.kernels.int8_linear import dequantize

WEIGHTS = "model.safetensors"


def unpack(source: Path, directory: Path) -> None:
    """In 32 bits: nothing is rounded. `directory` must not exist."""
    shutil.copytree(source, directory)
    save_file(unpacked_weights(source), directory / WEIGHTS, {"format": "pt"})


def unpacked_weights(source: Path) -> dict[str, Tensor]:
    """By name; what was int8 is in 32 bits."""
    weights = load_file(source / WEIGHTS)
    for name in [name.removesuffix(".SCB") for name in weights if name.endswith(".SCB")]:
        scb = weights.pop(f"{name}.SCB").flatten()
        weights.pop(f"{name}.weight_format", None)
        weights[f"{name}.weight"] = dequantize(weights[f"{name}.weight"], scb, torch.float32)
    return weights


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--model", type=Path, default=EMBEDDED_MODEL)
    options = parser.parse_args()
    unpack(options.model, options.directory)
