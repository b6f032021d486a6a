"""Attention of many new tokens over block tables, in one launch: prompts, chunks after a cached prefix, and
decodes. Before it, `rotary_cache` rotates queries and keys and writes the cache.

The plain references are `inference/kernels/rotary.py` and `paged_attention.py`.
"""

import math

import triton
import triton.language as tl
from torch import Tensor

from inference.kernels.cuda.decode_attention import LOG2_E, rotate
from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.step_rows import QueryTiles

MIN_TILE_ROWS = 16


@triton.jit
def rotary_cache_kernel(
    qkv, cosines, sines, cache, head_stride, slots, query,
    HEADS: tl.constexpr, KV_HEADS: tl.constexpr, ALL_2: tl.constexpr, D: tl.constexpr, PAIRS: tl.constexpr,
):  # fmt: skip
    """One program per row. qkv (rows, q + k + v) -> query (rows, HEADS, D), rotated, and the cache.

    slots (rows,): block * block_size + offset; below 0 nothing is written.
    """
    row = tl.program_id(0)
    ALL: tl.constexpr = HEADS + 2 * KV_HEADS
    head = tl.arange(0, ALL_2)[:, None]
    rd = tl.arange(0, D)[None, :]
    pairs = tl.arange(0, D // 2)[None, :]
    known = head < ALL
    at = head * D + rd
    values = tl.load(qkv + row.to(tl.int64) * ALL * D + at, mask=known, other=0.0).to(tl.float32)
    is_turned = (pairs < PAIRS) & (head < HEADS + KV_HEADS)
    cosine = tl.load(cosines + row * PAIRS + pairs + head * 0, mask=is_turned, other=1.0)
    sine = tl.load(sines + row * PAIRS + pairs + head * 0, mask=is_turned, other=0.0)
    values = rotate(values, cosine, sine, ALL_2, D).to(cache.dtype.element_ty)
    tl.store(query + row.to(tl.int64) * HEADS * D + at, values, mask=head < HEADS)
    slot = tl.load(slots + row)
    target = cache + (head - HEADS).to(tl.int64) * head_stride + slot.to(tl.int64) * D + rd
    tl.store(target, values, mask=(head >= HEADS) & known & (slot >= 0))


@triton.jit
def attend_tile(
    query, largest, total, result, first, end, last_seen, table, key_head, value_head, scale,
    D: tl.constexpr, BLOCK: tl.constexpr, KEYS: tl.constexpr, IS_MASKED: tl.constexpr,
):  # fmt: skip
    """Adds one tile of keys, from `first`."""
    rd = tl.arange(0, D)
    place = first + tl.arange(0, KEYS)
    if IS_MASKED:
        inside = place < end
        blocks = tl.load(table + place // BLOCK, mask=inside, other=0)
        slots = (blocks * BLOCK + place % BLOCK)[:, None] * D + rd[None, :]
        keys = tl.load(key_head + slots, mask=inside[:, None], other=0.0)
        values = tl.load(value_head + slots, mask=inside[:, None], other=0.0)
    else:
        blocks = tl.load(table + place // BLOCK)
        slots = (blocks * BLOCK + place % BLOCK)[:, None] * D + rd[None, :]
        keys = tl.load(key_head + slots)
        values = tl.load(value_head + slots)
    scores = tl.dot(query, tl.trans(keys)) * scale
    if IS_MASKED:
        scores = tl.where(place[None, :] <= last_seen[:, None], scores, -1e30)
    now_largest = tl.maximum(largest, tl.max(scores, axis=1))
    weights = tl.exp2(scores - now_largest[:, None])
    shrink = tl.exp2(largest - now_largest)
    total = total * shrink + tl.sum(weights, axis=1)
    result = tl.dot(weights.to(query.dtype), values, result * shrink[:, None])
    return now_largest, total, result


@triton.jit
def prefill_attention_kernel(
    query, cache, head_stride, tables, table_stride, tile_sequences, tile_rows, tile_counts, tile_places,
    out, scale,
    TOKENS: tl.constexpr, G: tl.constexpr, G_2: tl.constexpr, KV_HEADS: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr, KEYS: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """One program per KV head with its G query heads, and tile of up to TOKENS queries of one sequence.

    table_stride: a pointer to the number. out (rows, heads * D).
    """
    tile = tl.program_id(1)
    kv_head = tl.program_id(0)
    count = tl.load(tile_counts + tile)
    if count > 0:
        HEADS: tl.constexpr = KV_HEADS * G
        ROWS: tl.constexpr = TOKENS * G_2
        first_row = tl.load(tile_rows + tile)
        first_place = tl.load(tile_places + tile)
        table = tables + tl.load(tile_sequences + tile) * tl.load(table_stride)
        index = tl.arange(0, ROWS)
        token = index // G_2
        head = kv_head * G + index % G_2
        rd = tl.arange(0, D)
        known = (token < count) & (index % G_2 < G)
        row = (first_row + token).to(tl.int64)
        q_at = query + row[:, None] * (HEADS * D) + head[:, None] * D + rd[None, :]
        queries = tl.load(q_at, mask=known[:, None], other=0.0)
        key_head = cache + kv_head.to(tl.int64) * head_stride
        value_head = key_head + KV_HEADS * head_stride.to(tl.int64)
        last_seen = first_place + token
        end = first_place + count
        largest = tl.full((ROWS,), -1e30, tl.float32)
        total = tl.zeros((ROWS,), tl.float32)
        result = tl.zeros((ROWS, D), tl.float32)
        seen_by_all = (first_place + 1) // KEYS * KEYS
        for first in tl.range(0, seen_by_all, KEYS, num_stages=STAGES):
            largest, total, result = attend_tile(
                queries, largest, total, result, first, end, last_seen, table, key_head, value_head, scale,
                D, BLOCK, KEYS, False,
            )  # fmt: skip
        for first in tl.range(seen_by_all, end, KEYS, num_stages=1):
            largest, total, result = attend_tile(
                queries, largest, total, result, first, end, last_seen, table, key_head, value_head, scale,
                D, BLOCK, KEYS, True,
            )  # fmt: skip
        result = result / total[:, None]
        target = out + row[:, None] * (HEADS * D) + head[:, None] * D + rd[None, :]
        tl.store(target, result.to(out.dtype.element_ty), mask=known[:, None])


def rotary_cache(
    qkv: Tensor, cosines: Tensor, sines: Tensor, cache: Tensor, slots: Tensor, query: Tensor, *, rows: int
) -> KernelLaunch:
    """query: (all rows, heads, head_dim), of which the first `rows` are filled."""
    heads, width = query.shape[1:]
    kv_heads = cache.shape[0] // 2
    return KernelLaunch(
        rotary_cache_kernel,
        (rows, 1, 1),
        (qkv, cosines, sines, cache, cache.stride(0), slots, query),
        {
            "HEADS": heads,
            "KV_HEADS": kv_heads,
            "ALL_2": triton.next_power_of_2(heads + 2 * kv_heads),
            "D": width,
            "PAIRS": cosines.shape[-1],
        },
        8,
    )


def tile_tokens(heads: int, kv_heads: int, tile_rows: int) -> int:
    """Returns the tokens of a tile of about `tile_rows` rows. A token has one per query head of a KV head."""
    return max(
        1, tile_rows // _group_rows(heads // kv_heads), MIN_TILE_ROWS // _group_rows(heads // kv_heads)
    )


def _group_rows(group: int) -> int:
    return int(triton.next_power_of_2(group))


def prefill_attention(
    query: Tensor,
    cache: Tensor,
    out: Tensor,
    tiles: QueryTiles,
    *,
    tables: Tensor,
    table_stride: Tensor,
    tile_rows: int,
    keys: int,
    warps: int,
    stages: int,
) -> KernelLaunch:
    """query: (all rows, heads, head_dim), from `rotary_cache` -> out (all rows, heads * head_dim)."""
    heads, width = query.shape[1:]
    kv_heads = cache.shape[0] // 2
    return KernelLaunch(
        prefill_attention_kernel,
        (kv_heads, tiles.counts.shape[0], 1),
        (
            query,
            cache,
            cache.stride(0),
            tables,
            table_stride,
            tiles.sequences,
            tiles.first_rows,
            tiles.counts,
            tiles.first_places,
            out,
            LOG2_E / math.sqrt(width),
        ),
        {
            "TOKENS": tile_tokens(heads, kv_heads, tile_rows),
            "G": heads // kv_heads,
            "G_2": _group_rows(heads // kv_heads),
            "KV_HEADS": kv_heads,
            "D": width,
            "BLOCK": cache.shape[2],
            "KEYS": keys,
            "STAGES": stages,
        },
        warps,
        stages,
    )
