"""The attention of one step by the compiled kernels: what is the same for every layer."""

import functools
from concurrent.futures import Future
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from inference.kernels.cpu.compiler import LANES, Kernel, is_supported, start_compiling, thread_count
from inference.kernels.forward_batch import ForwardBatch, KVCache

ENOUGH = 1 << 18  # multiplications of a thread


def attends(cache: KVCache) -> bool:
    """Whether the kernels can read and write it."""
    is_plain = cache.device.type == "cpu" and cache.dtype == torch.float32
    return is_plain and supports(cache.shape[-1])


def supports(head_dim: int) -> bool:
    return head_dim % LANES == 0 and is_supported()


class CompiledAttention:
    """Made for each step, from its batch and the rotary factors of its tokens."""

    def __init__(self, batch: ForwardBatch, factors: Tensor, num_heads: int) -> None:
        """factors: (tokens, 1, pairs) complex64."""
        self._num_heads = num_heads
        self._factors = factors
        self._batch = batch
        self._slots = batch.slot_mapping.contiguous()
        self._tables = (
            batch.block_tables if batch.block_tables.stride(1) == 1 else batch.block_tables.contiguous()
        )
        self.tokens = len(self._slots)
        if batch.is_decode:
            self._owners = batch.query_starts[:-1]
            self._lengths = batch.context_lengths.contiguous()
        else:
            starts = batch.query_starts.tolist()
            counts = torch.tensor([end - start for start, end in pairwise(starts)])
            self._owners = torch.arange(len(counts)).repeat_interleave(counts)
            ends = batch.query_starts[1:][self._owners]
            self._lengths = batch.context_lengths[self._owners] - (ends - 1 - torch.arange(self.tokens))
        # Pairs of a query and a key in one head; with one thread nobody asks.
        self._pairs = int(self._lengths.sum()) if torch.get_num_threads() > 1 else 0

    def attend(self, heads: Tensor, cache: KVCache) -> Tensor:
        """Turns the queries and keys in place, stores keys and values, and returns the weighted values.

        heads: (tokens or more, heads + 2 * kv_heads, head_dim) -> (tokens, heads * head_dim).
        """
        doubled_kv_heads, blocks, block_size, head_dim = cache.shape
        kv_heads, slots = doubled_kv_heads // 2, blocks * block_size
        store, attend = _kernels(head_dim)
        heads = heads.contiguous()
        num_heads, tokens = self._num_heads, self.tokens
        threads = thread_count(2 * self._pairs * num_heads * head_dim, ENOUGH)
        store(
            heads.data_ptr(),
            self._factors.data_ptr(),
            self._slots.data_ptr(),
            cache.data_ptr(),
            num_heads,
            kv_heads,
            self._factors.shape[-1],
            slots,
            tokens,
            min(threads, tokens),
        )
        out = torch.empty(tokens, num_heads * head_dim)
        attend(
            heads.data_ptr(),
            cache.data_ptr(),
            self._owners.data_ptr(),
            self._lengths.data_ptr(),
            self._tables.data_ptr(),
            out.data_ptr(),
            num_heads,
            kv_heads,
            slots,
            block_size,
            self._tables.stride(0),
            tokens * num_heads,
            threads,
        )
        return out


@functools.cache
def _kernels(head_dim: int) -> tuple[Kernel, Kernel]:
    kernels = start_compiling_attention(head_dim).result()
    return kernels["store"], kernels["attend"]


def start_compiling_attention(head_dim: int) -> Future[dict[str, Kernel]]:
    from inference.kernels.cpu import attention

    return start_compiling(("attention", head_dim), partial(attention.build, head_dim=head_dim))
