"""Attention over a paged cache, in plain PyTorch: the reference for faster kernels.

On the CPU a token's result does not depend, to the last bit, on the other sequences of the step, on how its
prompt was cut into chunks, or on whether it was prefilled or decoded
(docs/decisions/0010-exact-products-on-the-cpu.md).
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.forward_batch import ForwardBatch, KVCache, zeros_block

ROW_TILE = 4  # query rows; MKL uses other kernels for odd numbers of them
WIDE_ROW_TILE = 8  # and for fewer than eight where heads are wider than 64
WIDE_HEAD = 65
KEY_TILE = 128  # keys summed by one product; in longer sums MKL's order depends on the number of rows
KEY_STEP = 32  # keys are padded to a multiple; vectors and unrolled loops are no longer
LARGEST_SCORES = 1 << 24  # numbers in memory at once


@dataclass(frozen=True, slots=True, eq=False)
class AttentionGroup:
    """Sequences of a step with equally many new tokens. The same for every layer."""

    rows: slice | Tensor  # the group's rows in the step
    blocks: Tensor  # (sequences * blocks,) int64
    mask: Tensor  # (sequences, queries, 1, keys), in the queries' dtype: 0 for what a query sees, else -inf


def group_sequences(batch: ForwardBatch, cache: KVCache) -> list[AttentionGroup]:
    """Called once per step. Sequences with one new token share a group, the others have one each."""
    if batch.is_decode:
        return [_group(slice(None), 1, batch.block_tables, batch.context_lengths, cache)]
    starts = batch.query_starts.tolist()
    single = [index for index, start in enumerate(starts[:-1]) if starts[index + 1] - start == 1]
    groups = []
    if single:
        device = batch.block_tables.device
        members = torch.tensor(single, device=device)
        rows = torch.tensor([starts[index] for index in single], device=device)
        groups.append(_group(rows, 1, batch.block_tables[members], batch.context_lengths[members], cache))
    for index, (start, end) in enumerate(pairwise(starts)):
        if end - start > 1:
            length = batch.context_lengths[index : index + 1]
            table = batch.block_tables[index : index + 1, : -(-int(length) // cache.shape[2])]
            groups.append(_group(slice(start, end), end - start, table, length, cache))
    return groups


def _group(
    rows: slice | Tensor, queries: int, tables: Tensor, lengths: Tensor, cache: KVCache
) -> AttentionGroup:
    block_size = cache.shape[2]
    step = math.lcm(KEY_STEP, block_size) // block_size  # blocks
    tables = functional.pad(tables, (0, -tables.shape[1] % step), value=zeros_block(cache))
    places = torch.arange(tables.shape[1] * block_size, device=tables.device)
    seen = lengths[:, None] - torch.arange(queries - 1, -1, -1, device=tables.device)  # (sequences, queries)
    mask = torch.zeros(*seen.shape, len(places), device=tables.device, dtype=cache.dtype)
    mask.masked_fill_(places >= seen[..., None], -math.inf)
    return AttentionGroup(rows, tables.flatten(), mask[:, :, None])


def paged_attention(query: Tensor, cache: KVCache, groups: list[AttentionGroup]) -> Tensor:
    """query (tokens, heads, head_dim) -> as query."""
    query = query * query.shape[-1] ** -0.5
    if len(groups) == 1:
        return _attend(query, cache, groups[0])
    output = torch.empty_like(query)
    for group in groups:
        output[group.rows] = _attend(query[group.rows], cache, group)
    return output


def _attend(query: Tensor, cache: KVCache, group: AttentionGroup) -> Tensor:
    """query (sequences * queries, heads, head_dim) -> as query."""
    kv_heads, head_dim = cache.shape[0] // 2, cache.shape[-1]
    sequences, queries, _, keys = group.mask.shape
    cached = cache.index_select(1, group.blocks).view(2, kv_heads * sequences, keys, head_dim)
    per_key = query.shape[1] // kv_heads
    # (kv_heads, sequences, queries, per_key, head_dim)
    query = query.view(sequences, queries, kv_heads, per_key, head_dim).permute(2, 0, 1, 3, 4)
    at_once = max(1, LARGEST_SCORES // (kv_heads * sequences * per_key * keys))  # queries
    if queries <= at_once:
        attended = _attend_rows(query, cached, group.mask)
    else:
        pieces = zip(torch.split(query, at_once, 2), torch.split(group.mask, at_once, 1), strict=True)
        attended = torch.cat([_attend_rows(some, cached, mask) for some, mask in pieces], dim=2)
    return attended.permute(1, 2, 0, 3, 4).reshape(sequences * queries, -1, head_dim)


def _attend_rows(query: Tensor, cached: Tensor, mask: Tensor) -> Tensor:
    """query (kv_heads, sequences, queries, per_key, head_dim), cached (2, kv_heads * sequences, keys,
    head_dim), mask (sequences, queries, 1, keys) -> as query."""
    kv_heads, sequences, queries, per_key, head_dim = query.shape
    num_rows = queries * per_key
    row_tile = ROW_TILE if head_dim < WIDE_HEAD else WIDE_ROW_TILE
    rows = query.new_zeros(kv_heads * sequences, num_rows + -num_rows % row_tile, head_dim)
    rows[:, :num_rows].view(query.shape).copy_(query)
    scores = torch.bmm(rows, cached[0].transpose(1, 2))
    scores[:, :num_rows].view(kv_heads, sequences, queries, per_key, -1).add_(mask)
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    return weighted_sum(weights, cached[1])[:, :num_rows].view(query.shape)


def weighted_sum(weights: Tensor, value: Tensor) -> Tensor:
    """weights (n, rows, keys), value (n, keys, head_dim) -> (n, rows, head_dim)."""
    if weights.device.type != "cpu" or weights.shape[2] <= KEY_TILE:
        return torch.bmm(weights, value)
    tiles = zip(torch.split(weights, KEY_TILE, 2), torch.split(value, KEY_TILE, 1), strict=True)
    total = torch.bmm(*next(tiles))
    for tile in tiles:
        total += torch.bmm(*tile)
    return total
