"""What one step of the decoder works on: tokens of several sequences, flattened into rows.

The engine builds a ForwardBatch for every step and owns the cache tensors; the model reads and
writes them through it. Knows slots and lengths, not token ids, requests or blocks' owners.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.models.config import DecoderConfig

KVCache = tuple[Tensor, Tensor]  # key and value, each (num_blocks, block_size, kv_heads, head_dim)


@dataclass(frozen=True, slots=True, eq=False)
class ForwardBatch:
    """One step over several sequences whose new tokens lie behind each other in the rows.

    All tensors but `query_starts` are on the decoder's device. A sequence's new tokens are the last
    ones of its context: the first of its `n` rows sees `context_length - n + 1` keys.
    """

    token_positions: Tensor  # (tokens,) int64, or (3, tokens) for multimodal rotary positions
    slot_mapping: Tensor  # (tokens,) int64: block * block_size + offset, where a token's K and V go
    query_starts: Tensor  # (sequences + 1,) int64 on the CPU: sequence i owns rows [i] to [i + 1]
    context_lengths: Tensor  # (sequences,) int64: keys visible to the last token, itself included
    block_tables: Tensor  # (sequences, max_blocks) int64: blocks of each sequence, padded with 0
    is_decode: bool  # every sequence has exactly one token


def allocate_kv_cache(
    config: DecoderConfig,
    num_blocks: int,
    block_size: int,
    device: torch.device | str,
    dtype: torch.dtype,
) -> list[KVCache]:
    """Returns one zeroed pair per layer. Zeroed, because padding in a block table reads block 0."""
    shape = (num_blocks, block_size, config.num_key_value_heads, config.head_dim)
    return [
        (torch.zeros(shape, device=device, dtype=dtype), torch.zeros(shape, device=device, dtype=dtype))
        for _ in range(config.num_layers)
    ]
