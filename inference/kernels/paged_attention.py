"""Attention over a paged cache, in plain PyTorch: the reference for faster kernels.

On the CPU a token's result does not depend, to the last bit, on the other sequences of the step, on
how its prompt was cut into chunks or on whether it was prefilled or decoded
(docs/decisions/0010-exact-products-on-the-cpu.md).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from inference.models.forward_batch import ForwardBatch

ROW_TILE = 8  # query rows; MKL takes other kernels for fewer, and for odd numbers of them
KEY_TILE = 192  # keys summed by one product; of longer sums MKL changes the order with the number of rows


@dataclass(frozen=True, slots=True, eq=False)
class AttentionGroup:
    """Sequences of a step with equally many new tokens. The same for every layer.

    `is_unseen` has one row per query token and query head of a key head, padded to the row tile.
    """

    rows: slice | Tensor  # the group's rows in the step
    sequences: int
    blocks: Tensor  # (sequences * blocks,) int64
    is_unseen: Tensor  # (sequences, query rows, keys) bool
    is_unused: Tensor  # (sequences, keys, 1, 1) bool: beyond the context, whatever lies there


def plan_attention(batch: ForwardBatch, block_size: int, queries_per_key: int) -> list[AttentionGroup]:
    """Once per step. Sequences with one new token share a group, the others have one each."""
    if batch.is_decode:
        return [
            _group(slice(None), 1, batch.block_tables, batch.context_lengths, block_size, queries_per_key)
        ]
    starts = batch.query_starts.tolist()
    single = [index for index, start in enumerate(starts[:-1]) if starts[index + 1] - start == 1]
    groups = []
    if single:
        device = batch.block_tables.device
        members = torch.tensor(single, device=device)
        rows = torch.tensor([starts[index] for index in single], device=device)
        tables, lengths = batch.block_tables[members], batch.context_lengths[members]
        groups.append(_group(rows, 1, tables, lengths, block_size, queries_per_key))
    for index, (start, end) in enumerate(pairwise(starts)):
        if end - start > 1:
            length = batch.context_lengths[index : index + 1]
            table = batch.block_tables[index : index + 1, : -(-int(length) // block_size)]
            groups.append(_group(slice(start, end), end - start, table, length, block_size, queries_per_key))
    return groups


def _group(
    rows: slice | Tensor, queries: int, tables: Tensor, lengths: Tensor, block_size: int, queries_per_key: int
) -> AttentionGroup:
    sequences, blocks = tables.shape
    keys = -(-blocks * block_size // KEY_TILE) * KEY_TILE
    tables = functional.pad(tables, (0, -(-keys // block_size) - blocks))
    places = torch.arange(keys, device=tables.device)
    seen = lengths[:, None] - torch.arange(queries - 1, -1, -1, device=tables.device)  # (sequences, queries)
    is_unseen = (places >= seen[..., None]).repeat_interleave(queries_per_key, dim=1)
    is_unseen = functional.pad(is_unseen, (0, 0, 0, -queries * queries_per_key % ROW_TILE))
    is_unused = (places >= lengths[:, None])[..., None, None]
    return AttentionGroup(rows, sequences, tables.flatten(), is_unseen, is_unused)


def paged_attention(
    query: Tensor, key_cache: Tensor, value_cache: Tensor, groups: list[AttentionGroup]
) -> Tensor:
    """query (tokens, heads, head_dim), caches (blocks, block_size, kv_heads, head_dim) -> as query."""
    output = torch.empty_like(query)
    scaled = query * query.shape[-1] ** -0.5
    for group in groups:
        output[group.rows] = _attend(scaled[group.rows], key_cache, value_cache, group)
    return output


def _attend(query: Tensor, key_cache: Tensor, value_cache: Tensor, group: AttentionGroup) -> Tensor:
    """query (sequences * queries, heads, head_dim) -> as query."""
    kv_heads, head_dim = key_cache.shape[2:]
    sequences, query_rows, keys = group.is_unseen.shape
    cached = (sequences, -1, kv_heads, head_dim)
    key = key_cache.index_select(0, group.blocks).view(cached)[:, :keys]
    value = value_cache.index_select(0, group.blocks).view(cached)[:, :keys]
    value.masked_fill_(group.is_unused, 0)  # a probability of 0 times a stale NaN would be NaN
    # (sequences, queries, kv_heads, queries_per_key, head_dim)
    query = query.view(sequences, -1, kv_heads, query.shape[1] // kv_heads, head_dim)
    output = torch.empty_like(query)
    real_rows = query.shape[1] * query.shape[3]
    for head in range(kv_heads):
        rows = query[:, :, head].reshape(sequences, real_rows, head_dim)
        rows = functional.pad(rows, (0, 0, 0, query_rows - real_rows))
        scores = torch.bmm(rows, key[:, :, head].transpose(1, 2))
        scores.masked_fill_(group.is_unseen, float("-inf"))
        weights = scores.softmax(dim=-1, dtype=torch.float32).to(value.dtype)
        attended = weighted_sum(weights, value[:, :, head])[:, :real_rows]
        output[:, :, head] = attended.view(output[:, :, head].shape)
    return output.flatten(0, 1).flatten(1, 2).view(-1, kv_heads * query.shape[3], head_dim)


def weighted_sum(weights: Tensor, value: Tensor) -> Tensor:
    """weights (sequences, query rows, keys), value (sequences, keys, head_dim) -> (sequences, query rows, head_dim)."""
    if weights.device.type != "cpu":
        return torch.bmm(weights, value)
    tiles = zip(weights.split(KEY_TILE, dim=2), value.split(KEY_TILE, dim=1), strict=True)
    total = torch.bmm(*next(tiles))
    for tile in tiles:
        total += torch.bmm(*tile)
    return total
