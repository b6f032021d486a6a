"""Attention of one new token per sequence over its block table, with rotary positions and the cache write.

The context is cut into pieces, one program each, which `combine` joins (flash-decoding). The plain references
are `inference/kernels/rotary.py` and `paged_attention.py`.
"""

import math

import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.rounding import store_digits
from inference.kernels.digits import Digits

MIN_TILE_ROWS = 16  # of a product on tensor cores
MAX_PIECES = 32
LOG2_E = 1.4426950408889634


@triton.jit
def rotate(heads, cosine, sine, ROWS: tl.constexpr, D: tl.constexpr):
    """GLM-4's rotary positions, on adjacent pairs. (ROWS, D); cosine is 1 and sine 0 for pairs that stay."""
    first, second = tl.split(tl.reshape(heads, (ROWS, D // 2, 2)))
    turned = tl.join(first * cosine - second * sine, first * sine + second * cosine)
    return tl.reshape(turned, (ROWS, D))


@triton.jit
def piece_length(length, PIECES: tl.constexpr, KEYS: tl.constexpr):
    return tl.maximum(tl.cdiv(tl.cdiv(length, PIECES), KEYS) * KEYS, KEYS)


@triton.jit
def decode_attention_kernel(
    qkv, rows, cosines, sines, cache, head_stride, tables, table_stride, lengths, part, part_sums, scale,
    SPLITS: tl.constexpr, G: tl.constexpr, G_2: tl.constexpr, KV_HEADS: tl.constexpr, D: tl.constexpr,
    PAIRS: tl.constexpr, BLOCK: tl.constexpr, KEYS: tl.constexpr, PIECES: tl.constexpr, STAGES: tl.constexpr,
    OVERLAPS: tl.constexpr,
):  # fmt: skip
    """One program per sequence, KV head and piece; the G query heads of the KV head make one tile.

    qkv: (SPLITS, rows, q + k + v) partial sums. cache: (2 KV_HEADS, blocks, BLOCK, D), keys' heads first;
    the piece with the new token writes it. `lengths` include the new token; 0: no sequence. table_stride:
    a pointer to the number. part: (sequences, KV_HEADS, PIECES, G_2, D); part_sums: the same without D, of
    each row the largest score and the sum.
    """
    sequence = tl.program_id(0)
    kv_head = tl.program_id(1)
    piece = tl.program_id(2)
    WIDTH: tl.constexpr = (G + 2) * KV_HEADS * D
    if OVERLAPS:
        gdc_launch_dependents()
    length = tl.load(lengths + sequence)
    table = tables + sequence * tl.load(table_stride)
    size = piece_length(length, PIECES, KEYS)
    start = piece * size
    end = tl.minimum(start + size, length)
    if start < end:
        head = tl.arange(0, G_2)
        rd = tl.arange(0, D)
        pairs = tl.arange(0, D // 2)
        rt = tl.arange(0, KEYS)
        key_head = cache + kv_head.to(tl.int64) * head_stride
        value_head = key_head + KV_HEADS * head_stride.to(tl.int64)
        if OVERLAPS:
            gdc_wait()
        known = (head < G)[:, None]
        q_at = qkv + sequence * WIDTH + (kv_head * G + head)[:, None] * D + rd[None, :]
        query = tl.load(q_at, mask=known, other=0.0).to(tl.float32)
        for split in tl.static_range(1, SPLITS):
            query += tl.load(q_at + split * rows * WIDTH, mask=known, other=0.0).to(tl.float32)
        is_turned = (pairs < PAIRS)[None, :]
        cosine = tl.load(cosines + sequence * PAIRS + pairs[None, :], mask=is_turned, other=1.0)
        sine = tl.load(sines + sequence * PAIRS + pairs[None, :], mask=is_turned, other=0.0)
        if end == length:  # the new token is in this piece
            place = length - 1
            slot = (tl.load(table + place // BLOCK) * BLOCK + place % BLOCK) * D
            k_at = (
                qkv
                + sequence * WIDTH
                + (KV_HEADS * G + kv_head) * D
                + tl.arange(0, 1)[:, None] * D
                + rd[None, :]
            )
            key = tl.load(k_at).to(tl.float32)
            value = tl.load(k_at + KV_HEADS * D).to(tl.float32)
            for split in tl.static_range(1, SPLITS):
                key += tl.load(k_at + split * rows * WIDTH).to(tl.float32)
                value += tl.load(k_at + KV_HEADS * D + split * rows * WIDTH).to(tl.float32)
            key = rotate(key, cosine, sine, 1, D)
            tl.store(key_head + slot + rd[None, :], key.to(cache.dtype.element_ty))
            tl.store(value_head + slot + rd[None, :], value.to(cache.dtype.element_ty))
        query = rotate(query, cosine, sine, G_2, D).to(cache.dtype.element_ty)
        tl.debug_barrier()  # this program reads below what it wrote
        largest = tl.full((G_2,), -1e30, tl.float32)
        total = tl.zeros((G_2,), tl.float32)
        result = tl.zeros((G_2, D), tl.float32)
        for first in tl.range(start, end, KEYS, num_stages=STAGES):
            place = first + rt
            inside = place < end
            blocks = tl.load(table + place // BLOCK, mask=inside, other=0)
            slots = (blocks * BLOCK + place % BLOCK)[:, None] * D + rd[None, :]
            keys = tl.load(key_head + slots, mask=inside[:, None], other=0.0)
            values = tl.load(value_head + slots, mask=inside[:, None], other=0.0)
            scores = tl.dot(query, tl.trans(keys)) * scale  # includes log2(e)
            scores = tl.where(inside[None, :], scores, -1e30)
            now_largest = tl.maximum(largest, tl.max(scores, axis=1))
            weights = tl.exp2(scores - now_largest[:, None])
            shrink = tl.exp2(largest - now_largest)
            total = total * shrink + tl.sum(weights, axis=1)
            result = tl.dot(weights.to(cache.dtype.element_ty), values, result * shrink[:, None])
            largest = now_largest
        base = ((sequence * KV_HEADS + kv_head) * PIECES + piece) * G_2 + head
        tl.store(part + base[:, None] * D + rd[None, :], result)
        tl.store(part_sums + base * 2, largest)
        tl.store(part_sums + base * 2 + 1, total)


@triton.jit
def combine_kernel(
    part, part_sums, lengths, out, out_steps, rows,
    G: tl.constexpr, G_2: tl.constexpr, KV_HEADS: tl.constexpr, D: tl.constexpr, KEYS: tl.constexpr,
    PIECES: tl.constexpr, HEADS: tl.constexpr, HAS_DIGITS: tl.constexpr, OVERLAPS: tl.constexpr,
):  # fmt: skip
    """One program joins the pieces of HEADS heads of one row. Digits have a step for each head."""
    row = tl.program_id(0)
    head = tl.program_id(1) * HEADS + tl.arange(0, HEADS)
    if OVERLAPS:
        gdc_launch_dependents()
    rd = tl.arange(0, D)
    pieces = tl.arange(0, PIECES)
    length = tl.load(lengths + row)
    used = (pieces * piece_length(length, PIECES, KEYS) < length)[None, :]
    base = ((row * KV_HEADS + head // G)[:, None] * PIECES + pieces[None, :]) * G_2 + (head % G)[:, None]
    if OVERLAPS:
        gdc_wait()
    largest = tl.load(part_sums + base * 2, mask=used, other=-1e30)
    total = tl.load(part_sums + base * 2 + 1, mask=used, other=0.0)
    parts = tl.load(part + base[:, :, None] * D + rd[None, None, :], mask=used[:, :, None], other=0.0)
    weight = tl.exp2(largest - tl.max(largest, axis=1)[:, None])
    result = (
        tl.sum(parts * weight[:, :, None], axis=1)
        / tl.maximum(tl.sum(total * weight, axis=1), 1e-30)[:, None]
    )
    WIDTH: tl.constexpr = KV_HEADS * G * D
    target = out + row * WIDTH + head[:, None] * D + rd[None, :]
    if HAS_DIGITS:
        peak = tl.max(tl.abs(result), axis=1)
        store_digits(target, out_steps + head * rows + row, result, peak, rows * WIDTH, True)
    else:
        tl.store(target, result.to(out.dtype.element_ty))


def query_tile(group: int) -> int:
    """Returns the rows of a tile for the query heads of one KV head."""
    return max(MIN_TILE_ROWS, int(triton.next_power_of_2(group)))


def count_pieces(sequences: int, kv_heads: int, programs: int) -> int:
    """Returns the pieces per context that make about `programs` programs."""
    wanted = -(-programs // (kv_heads * sequences))
    return max(2, min(MAX_PIECES, int(triton.next_power_of_2(wanted))))


def part_size(rows: int, heads: int, kv_heads: int, programs: int, buckets: tuple[int, ...]) -> int:
    """Returns half the size of `part_sums` that suffices for every bucket."""
    tile = query_tile(heads // kv_heads)
    return max(
        bucket * kv_heads * count_pieces(bucket, kv_heads, programs) * tile
        for bucket in buckets
        if bucket <= rows
    )


def decode_attention(
    qkv: Tensor,
    cache: Tensor,
    out: Digits | Tensor,
    *,
    cosines: Tensor,
    sines: Tensor,
    tables: Tensor,
    table_stride: Tensor,
    lengths: Tensor,
    part: Tensor,
    part_sums: Tensor,
    heads: int,
    splits: int,
    rows: int,
    keys: int,
    programs: int,
    overlaps: bool = False,
) -> list[KernelLaunch]:
    """qkv: (splits, all rows of out, q + k + v), before the rotation; the first `rows` rows are sequences.

    cache: one layer's `KVCache`.
    """
    kv_heads, block_size, width = cache.shape[0] // 2, cache.shape[2], cache.shape[3]
    group = heads // kv_heads
    tile = query_tile(group)
    pieces = count_pieces(rows, kv_heads, programs)
    values = out.values if isinstance(out, Digits) else out
    all_rows = values.shape[-2]
    heads_each = next(each for each in ((1,) if rows <= 4 else (4, 2, 1)) if heads % each == 0)
    return [
        KernelLaunch(
            decode_attention_kernel,
            (rows, kv_heads, pieces),
            (
                qkv,
                all_rows,
                cosines,
                sines,
                cache,
                cache.stride(0),
                tables,
                table_stride,
                lengths,
                part,
                part_sums,
                LOG2_E / math.sqrt(width),
            ),
            {
                "SPLITS": splits,
                "G": group,
                "G_2": tile,
                "KV_HEADS": kv_heads,
                "D": width,
                "PAIRS": cosines.shape[-1],
                "BLOCK": block_size,
                "KEYS": keys,
                "PIECES": pieces,
                "STAGES": 2,
                "OVERLAPS": overlaps,
            },
            4,
            2,
            overlaps,
        ),
        KernelLaunch(
            combine_kernel,
            (rows, heads // heads_each, 1),
            (
                part,
                part_sums,
                lengths,
                values,
                out.steps if isinstance(out, Digits) else cosines,
                all_rows,
            ),
            {
                "G": group,
                "G_2": tile,
                "KV_HEADS": kv_heads,
                "D": width,
                "KEYS": keys,
                "PIECES": pieces,
                "HEADS": heads_each,
                "HAS_DIGITS": isinstance(out, Digits),
                "OVERLAPS": overlaps,
            },
            4,
            1,
            overlaps,
        ),
    ]
