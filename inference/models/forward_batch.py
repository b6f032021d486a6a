"""What one step of the decoder works on: tokens of several sequences, flattened into rows.

The engine builds a ForwardBatch for every step and owns the cache tensors; the model reads and
writes them through it. Knows slots and lengths, not token ids, requests or blocks' owners.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.models.config import DecoderConfig

KVCache = Tensor  # of one layer: (2 * kv_heads, num_blocks + 1, block_size, head_dim), keys' heads first


@dataclass(frozen=True, slots=True, eq=False)
class ForwardBatch:
    """One step over several sequences whose new tokens lie behind each other in the rows.

    All tensors but `query_starts` are on the decoder's device. A sequence's new tokens are the last
    ones of its context: the first of its `n` rows sees `context_length - n + 1` keys. What lies in a
    sequence's blocks beyond its context is finite: zeros, or what was written there for it.
    """

    token_positions: Tensor  # (tokens,) int64, or (3, tokens) for multimodal rotary positions
    slot_mapping: Tensor  # (tokens,) int64: block * block_size + offset, where a token's K and V go
    query_starts: Tensor  # (sequences + 1,) int64 on the CPU: sequence i owns rows [i] to [i + 1]
    context_lengths: Tensor  # (sequences,) int64: keys visible to the last token, itself included
    block_tables: Tensor  # (sequences, max_blocks) int64: blocks of each sequence, then the block of zeros
    is_decode: bool  # every sequence has exactly one token


def allocate_kv_cache(
    config: DecoderConfig,
    num_blocks: int,
    block_size: int,
    device: torch.device | str,
    dtype: torch.dtype,
) -> Tensor:
    """Returns (layers, *KVCache), zeroed. Block `num_blocks` stays zeros: it pads block tables."""
    heads = 2 * config.num_key_value_heads
    shape = (config.num_layers, heads, num_blocks + 1, block_size, config.head_dim)
    return torch.zeros(shape, device=device, dtype=dtype)


def zeros_block(cache: KVCache) -> int:
    """Returns the number of the block that pads block tables."""
    return cache.shape[1] - 1
