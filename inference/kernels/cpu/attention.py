"""Attention over a paged cache, for one size of heads: turns queries and keys, stores what is new, attends.

A query's sums run over its keys in their order, in tiles of a fixed size, and no other row takes part: its
result does not depend on the other sequences, or on how a prompt was cut into chunks.
"""

import math
from functools import partial

from llvmlite import ir

from inference.kernels.cpu.compiler import LANES
from inference.kernels.cpu.emitter import F32, I64, POINTER, VECTOR, Emitter, Value
from inference.kernels.cpu.parallel import export

KEY_TILE = 128  # keys whose scores are in memory at once

STORE = (
    ("heads", POINTER),  # (tokens, heads + 2 * kv_heads, head_dim): queries, keys, values
    ("factors", POINTER),  # (tokens, pairs, 2): cosine and sine
    ("slots", POINTER),  # (tokens,) int64: where in the cache
    ("cache", POINTER),  # (2 * kv_heads, blocks * block_size, head_dim)
    ("num_heads", I64),
    ("kv_heads", I64),
    ("pairs", I64),
    ("cache_slots", I64),  # blocks * block_size
)
ATTEND = (
    ("heads", POINTER),  # the same
    ("cache", POINTER),  # the same
    ("owners", POINTER),  # (tokens,) int64: the row of each token's sequence in `tables`
    ("lengths", POINTER),  # (tokens,) int64: the keys that each sees
    ("tables", POINTER),  # (sequences, table_width) int64: blocks
    ("out", POINTER),  # (tokens, heads, head_dim)
    ("num_heads", I64),
    ("kv_heads", I64),
    ("cache_slots", I64),
    ("block_size", I64),
    ("table_width", I64),
)


def build(module: ir.Module, head_dim: int) -> dict[str, list[type]]:
    """A unit of `store` is a token, one of `attend` a head of a token."""
    return {
        "store": export(module, "store", STORE, partial(_emit_store, head_dim)),
        "attend": export(module, "attend", ATTEND, partial(_emit_attend, head_dim)),
    }


def _emit_store(
    head_dim: int,
    emitter: Emitter,
    heads: Value,
    factors: Value,
    slots: Value,
    cache: Value,
    num_heads: Value,
    kv_heads: Value,
    pairs: Value,
    cache_slots: Value,
    token: Value,
) -> None:
    num_turned = emitter.add(num_heads, kv_heads)
    first = emitter.mul(token, emitter.add(num_turned, kv_heads))
    factors = emitter.place(factors, emitter.mul(emitter.mul(token, pairs), 2))
    with emitter.loop(0, num_turned) as head:
        _turn(emitter, emitter.place(heads, emitter.mul(emitter.add(first, head), head_dim)), factors, pairs)
    slot = emitter.load(slots, token, I64)
    with emitter.loop(0, emitter.mul(kv_heads, 2)) as number:
        head = emitter.add(emitter.add(first, num_heads), number)
        place = emitter.add(emitter.mul(number, cache_slots), slot)
        source, target = emitter.mul(head, head_dim), emitter.mul(place, head_dim)
        for start in range(0, head_dim, LANES):
            values = emitter.load_vector(heads, emitter.add(source, start))
            emitter.store_vector(values, cache, emitter.add(target, start))


def _turn(emitter: Emitter, head: Value, factors: Value, pairs: Value) -> None:
    """(a, b) -> (a cos - b sin, b cos + a sin), for the head's first pairs, in place."""
    builder = emitter.builder
    width = emitter.mul(pairs, 2)
    whole = emitter.mul(emitter.div(width, LANES), LANES)
    signs = ir.Constant(VECTOR, [ir.Constant(F32, sign) for sign in (-1.0, 1.0) * (LANES // 2)])

    with emitter.loop(0, whole, LANES) as place:
        values, both = emitter.load_vector(head, place), emitter.load_vector(factors, place)
        cosines = emitter.shuffle(both, [lane & ~1 for lane in range(LANES)])
        sines = builder.fmul(emitter.shuffle(both, [lane | 1 for lane in range(LANES)]), signs)
        swapped = emitter.shuffle(values, [lane ^ 1 for lane in range(LANES)])
        emitter.store_vector(emitter.fma(values, cosines, builder.fmul(swapped, sines)), head, place)
    with emitter.loop(whole, width, 2) as place:
        second = emitter.add(place, 1)
        a, b = emitter.load(head, place), emitter.load(head, second)
        cosine, sine = emitter.load(factors, place), emitter.load(factors, second)
        emitter.store(emitter.fma(a, cosine, builder.fmul(b, builder.fneg(sine))), head, place)
        emitter.store(emitter.fma(b, cosine, builder.fmul(a, sine)), head, second)


def _emit_attend(
    head_dim: int,
    emitter: Emitter,
    heads: Value,
    cache: Value,
    owners: Value,
    lengths: Value,
    tables: Value,
    out: Value,
    num_heads: Value,
    kv_heads: Value,
    cache_slots: Value,
    block_size: Value,
    table_width: Value,
    unit: Value,
) -> None:
    builder = emitter.builder
    columns = range(0, head_dim, LANES)
    token, head = emitter.div(unit, num_heads), builder.urem(unit, num_heads)
    table = emitter.place(tables, emitter.mul(emitter.load(owners, token, I64), table_width), I64)
    stride = emitter.add(num_heads, emitter.mul(kv_heads, 2))
    query_start = emitter.mul(emitter.add(emitter.mul(token, stride), head), head_dim)
    scale = emitter.constant(head_dim**-0.5)
    query = [
        builder.fmul(emitter.load_vector(heads, emitter.add(query_start, column)), scale)
        for column in columns
    ]
    kv_head = emitter.div(head, emitter.div(num_heads, kv_heads))
    head_size = emitter.mul(cache_slots, head_dim)
    keys = emitter.place(cache, emitter.mul(kv_head, head_size))
    values = emitter.place(cache, emitter.mul(emitter.add(kv_head, kv_heads), head_size))
    count = emitter.load(lengths, token, I64)
    scores = emitter.numbers(KEY_TILE)
    highest = emitter.variable(emitter.constant(-math.inf))
    total = emitter.variable(emitter.constant(0.0))
    attended = [emitter.variable(emitter.constant(0.0)) for _ in columns]

    def place_of(key: Value) -> Value:
        block = emitter.load(table, emitter.div(key, block_size), I64)
        slot = emitter.add(emitter.mul(block, block_size), builder.urem(key, block_size))
        return emitter.mul(slot, head_dim)

    with emitter.loop(0, count, KEY_TILE) as first:
        tile = emitter.least(emitter.sub(count, first), KEY_TILE)
        padded = emitter.mul(emitter.div(emitter.add(tile, LANES - 1), LANES), LANES)
        with emitter.loop(0, padded, LANES) as place:
            emitter.store_vector(emitter.constant(-math.inf), scores, place)
        with emitter.loop(0, tile) as number:
            place = place_of(emitter.add(first, number))
            products = builder.fmul(query[0], emitter.load_vector(keys, place))
            for column, part in zip(columns[1:], query[1:], strict=True):
                key_part = emitter.load_vector(keys, emitter.add(place, column))
                products = emitter.fma(part, key_part, products)
            emitter.store(emitter.fold(products, builder.fadd), scores, number)
        before = emitter.get(highest, VECTOR)
        with emitter.loop(0, padded, LANES) as place:
            larger = emitter.larger_or_nan(emitter.get(highest, VECTOR), emitter.load_vector(scores, place))
            emitter.set(highest, larger)
        peak = emitter.splat(emitter.fold(emitter.get(highest, VECTOR), emitter.larger_or_nan))
        emitter.set(highest, peak)
        kept = emitter.exp(builder.fsub(before, peak))
        for sums in (total, *attended):
            emitter.set(sums, builder.fmul(emitter.get(sums, VECTOR), kept))
        with emitter.loop(0, padded, LANES) as place:
            differences = builder.fsub(emitter.load_vector(scores, place), peak)
            is_padding = builder.fcmp_ordered("==", differences, emitter.constant(-math.inf))
            weights = builder.select(is_padding, emitter.constant(0.0), emitter.exp(differences))
            emitter.store_vector(weights, scores, place)
            emitter.set(total, builder.fadd(emitter.get(total, VECTOR), weights))
        with emitter.loop(0, tile) as number:
            place = place_of(emitter.add(first, number))
            weight = emitter.splat(emitter.load(scores, number))
            for column, sums in zip(columns, attended, strict=True):
                value = emitter.load_vector(values, emitter.add(place, column))
                emitter.set(sums, emitter.fma(weight, value, emitter.get(sums, VECTOR)))
    whole = emitter.splat(emitter.fold(emitter.get(total, VECTOR), builder.fadd))
    out_start = emitter.mul(unit, head_dim)
    for column, sums in zip(columns, attended, strict=True):
        result = builder.fdiv(emitter.get(sums, VECTOR), whole)
        emitter.store_vector(result, out, emitter.add(out_start, column))
