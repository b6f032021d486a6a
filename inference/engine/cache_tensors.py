"""The tensors of the key/value cache: how many blocks of them memory holds, and their allocation."""

from collections import Counter

import torch
from torch import Tensor

from inference.devices import is_gpu, measure_memory, release_memory
from inference.engine.kv_cache import blocks_for
from inference.engine.language_model import CausalModel
from inference.errors import InvalidCheckpoint, InvalidConfiguration
from inference.models.config import DecoderConfig
from inference.models.stages import Stage

CUDA_MEMORY_FRACTION = 0.85  # of what is free once the weights are loaded; the rest is for activations
CPU_MEMORY_FRACTION = 0.125
MIN_CONTEXT_TOKENS = 512  # a short conversation; a smaller cache refuses nearly every request


def allocate_kv_cache(
    config: DecoderConfig,
    num_blocks: int,
    block_size: int,
    device: torch.device | str,
    dtype: torch.dtype,
    num_layers: int | None = None,
) -> Tensor:
    """Returns (layers, *KVCache), zeroed, of all layers or of `num_layers`.

    Block `num_blocks` stays zeros: it pads block tables.
    """
    heads = 2 * config.num_key_value_heads
    shape = (num_layers or config.num_layers, heads, num_blocks + 1, block_size, config.head_dim)
    return torch.zeros(shape, device=device, dtype=dtype)


def stages_of(decoder: CausalModel, device: torch.device) -> tuple[Stage, ...]:
    """One stage where all layers are on `device`."""
    return decoder.stages or (Stage(device, 0, decoder.config.num_layers),)


def embedding_dtype(decoder: CausalModel, device: torch.device) -> torch.dtype:
    with torch.inference_mode():
        return decoder.embed(torch.zeros(1, dtype=torch.int64, device=device)).dtype


def count_blocks(
    decoder: CausalModel,
    device: torch.device,
    block_size: int,
    wanted_tokens: int,
    given_tokens: int | None,
) -> int:
    """Returns how many blocks the cache gets: `given_tokens`, or `wanted_tokens` as far as memory allows. Of
    devices that share the layers, the one with the least memory for its layers decides.

    Raises `InvalidCheckpoint` where the memory is too small for a short request, and
    `InvalidConfiguration` where `given_tokens` do not fit.
    """
    config = decoder.config
    item_bytes = embedding_dtype(decoder, device).itemsize
    layer_bytes = 2 * config.num_key_value_heads * config.head_dim * item_bytes  # of a token
    layers: Counter[torch.device] = Counter()
    for stage in stages_of(decoder, device):
        layers[stage.device] += stage.num_layers
    return min(
        _count_blocks_on(place, count * layer_bytes, block_size, wanted_tokens, given_tokens)
        for place, count in layers.items()
    )


def _count_blocks_on(
    device: torch.device, token_bytes: int, block_size: int, wanted_tokens: int, given_tokens: int | None
) -> int:
    """For the layers of one device, of which a token takes `token_bytes`."""
    block_bytes = block_size * token_bytes
    release_memory(device)  # what loading, or an engine that died, no longer needs
    memory = measure_memory(device)
    if given_tokens is not None:
        most = memory.free_bytes if is_gpu(device) else memory.total_bytes
        if blocks_for(given_tokens, block_size) * block_bytes > most:
            raise InvalidConfiguration(
                f"A cache of {given_tokens} tokens takes {given_tokens * token_bytes / 2**30:.1f} GiB, more "
                f"than the {most / 2**30:.1f} of {device}; set fewer, or none for what fits."
            )
        return blocks_for(given_tokens, block_size)
    fraction = CUDA_MEMORY_FRACTION if is_gpu(device) else CPU_MEMORY_FRACTION
    num_blocks = min(int(memory.free_bytes * fraction) // block_bytes, blocks_for(wanted_tokens, block_size))
    needed_tokens = min(MIN_CONTEXT_TOKENS, wanted_tokens)
    if num_blocks * block_size < needed_tokens:
        raise InvalidCheckpoint(
            f"The free memory of {device} holds a cache of {num_blocks * block_size} tokens, fewer than the"
            f" {needed_tokens} of a short request: quantise the model, or take a device with more memory."
        )
    return num_blocks
