"""Checks whether a decoder can run on the kernels of `inference/kernels/cuda`. Imports no Triton."""

from importlib.util import find_spec

import torch
from torch import nn

from inference.devices import compute_capability
from inference.kernels.cuda.tiles import MIN_COLUMNS
from inference.models.decoder import Decoder
from inference.models.layers import Int8Linear

AMPERE = 80
MIN_HEAD_DIM = 32  # int8 columns of a product on tensor cores
MAX_HEAD_DIM = 256
MAX_INDEX = 2**31 - 1  # kernels count weights in 32 bits


def missing_support(decoder: object, device: torch.device) -> str | None:
    """Returns the reason against it, for a log, or None."""
    if not isinstance(decoder, Decoder):
        return "the decoder is not one of ours"
    if device.type != "cuda":
        return "the device is not a GPU"
    if torch.version.hip is not None or find_spec("triton") is None:
        return "Triton for NVIDIA GPUs is not installed"
    capabilities = {
        compute_capability(each) for each in (device, *(stage.device for stage in decoder.stages))
    }
    if min(capabilities) < AMPERE:
        return "the GPU is older than Ampere (compute capability 8.0)"
    if len(capabilities) > 1:
        return "its layers are on different kinds of GPUs"
    return unsupported_shape(decoder)


def unsupported_shape(decoder: Decoder) -> str | None:
    """Like `missing_support`, for the decoder's weights and sizes alone."""
    config = decoder.config
    width = config.num_attention_heads * config.head_dim
    fused = width + 2 * config.num_key_value_heads * config.head_dim
    pairs = len(decoder.frequencies)
    if decoder.norm.weight.dtype not in (torch.float16, torch.bfloat16):
        return "it does not compute in 16 bits"
    if not all(isinstance(module, Int8Linear) for module in _layer_products(decoder)):
        return "its weights are not int8"
    if config.head_dim not in range(MIN_HEAD_DIM, MAX_HEAD_DIM + 1) or not _is_power_of_2(config.head_dim):
        return f"heads of {config.head_dim} dimensions"
    if not _is_power_of_2(pairs):
        return f"{pairs} rotary pairs"
    widest = max(fused, 2 * config.intermediate_size, config.vocab_size)
    if widest * max(config.hidden_size, config.intermediate_size) > MAX_INDEX:
        return "a matrix of more than 2,147,483,647 weights"
    sizes = (width, fused, config.hidden_size, config.intermediate_size, config.vocab_size)
    odd = [size for size in sizes if size % MIN_COLUMNS]
    return f"a width of {odd[0]}, no multiple of {MIN_COLUMNS}" if odd else None


def _layer_products(decoder: Decoder) -> list[nn.Module]:
    names = ("self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj")
    return [layer.get_submodule(name) for layer in decoder.layers for name in names]


def _is_power_of_2(number: int) -> bool:
    return number.bit_count() == 1
