"""The input of one decoder step: tokens of several sequences, flattened into rows.

The engine builds a ForwardBatch for every step and owns the cache tensors; the model reads and writes
them through it. It holds slots and lengths, no token ids or requests.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

KVCache = Tensor  # of one layer: (2 * kv_heads, num_blocks + 1, block_size, head_dim), keys' heads first
KVCaches = Tensor | list[KVCache]  # of all layers: (layers, *KVCache), or a list if devices share the layers


@dataclass(frozen=True, slots=True, eq=False)
class ForwardBatch:
    """One step over several sequences; the rows hold the new tokens of one sequence after the other.

    All tensors but `query_starts` are on the decoder's device. A sequence's new tokens are the last ones
    of its context: the first of its `n` rows sees `context_length - n + 1` keys. The values in a
    sequence's blocks after its context are finite: zeros, or earlier keys and values of that sequence.
    """

    token_positions: Tensor  # (tokens,) int64, or (3, tokens) for multimodal rotary positions
    slot_mapping: Tensor  # (tokens,) int64: block * block_size + offset, where a token's K and V go
    query_starts: Tensor  # (sequences + 1,) int64 on the CPU: sequence i owns rows [i] to [i + 1]
    context_lengths: Tensor  # (sequences,) int64: keys visible to the last token, itself included
    block_tables: (
        Tensor  # (sequences, max_blocks) int64: blocks of each sequence, padded with the zero block;
    )
    # its rows may lie apart in memory
    is_decode: bool  # every sequence has exactly one token

    def to(self, device: torch.device) -> "ForwardBatch":
        """Returns itself if it is there already."""
        if self.token_positions.device == device:
            return self
        return ForwardBatch(
            token_positions=self.token_positions.to(device, non_blocking=True),
            slot_mapping=self.slot_mapping.to(device, non_blocking=True),
            query_starts=self.query_starts,
            context_lengths=self.context_lengths.to(device, non_blocking=True),
            block_tables=self.block_tables.to(device, non_blocking=True),
            is_decode=self.is_decode,
        )


def zeros_block(cache: KVCache) -> int:
    """Returns the number of the last block, which stays zeros and pads block tables."""
    return cache.shape[1] - 1
