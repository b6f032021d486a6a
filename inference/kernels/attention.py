"""What attention does with a layer's queries, keys and values: planned once per step, done in every layer."""

from typing import Protocol

from torch import Tensor

from inference.kernels.cpu.compiled_attention import CompiledAttention, attends
from inference.kernels.forward_batch import ForwardBatch, KVCache
from inference.kernels.paged_attention import group_sequences, paged_attention
from inference.kernels.rotary import rotate_


class AttentionPlan(Protocol):
    @property
    def tokens(self) -> int:
        """Of the step."""
        ...

    def attend(self, heads: Tensor, cache: KVCache) -> Tensor:
        """Turns queries and keys in place, stores keys and values, and returns what the queries attend to.

        heads: (tokens, heads + 2 * kv_heads, head_dim), queries first -> (tokens, heads * head_dim).
        """
        ...


def plan_attention(batch: ForwardBatch, cache: KVCache, factors: Tensor, num_heads: int) -> AttentionPlan:
    """`cache` is that of any layer. factors: see `rotary_factors`."""
    if attends(cache):
        return CompiledAttention(batch, factors, num_heads)
    return PlainAttention(batch, cache, factors, num_heads)


class PlainAttention:
    """In PyTorch, on any device."""

    def __init__(self, batch: ForwardBatch, cache: KVCache, factors: Tensor, num_heads: int) -> None:
        self.tokens = batch.slot_mapping.shape[0]
        self._slots = batch.slot_mapping
        self._factors = factors
        self._groups = group_sequences(batch, cache)
        self._num_heads = num_heads

    def attend(self, heads: Tensor, cache: KVCache) -> Tensor:
        num_turned = self._num_heads + cache.shape[0] // 2
        rotate_(heads[:, :num_turned], self._factors)
        cache.flatten(1, 2).index_copy_(1, self._slots, heads[:, self._num_heads :].transpose(0, 1))
        return paged_attention(heads[:, : self._num_heads], cache, self._groups).flatten(1)
