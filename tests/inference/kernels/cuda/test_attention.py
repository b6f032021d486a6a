"""Attention over scattered blocks against float64: decodes, prompts, chunks after a prefix, mixtures."""

import math

import numpy as np
import pytest
import torch

from inference.kernels.cuda.decode_attention import decode_attention, part_size
from inference.kernels.cuda.prefill_attention import prefill_attention, rotary_cache, tile_tokens
from inference.kernels.cuda.step_rows import QueryTiles
from inference.kernels.cuda.tiles import DECODE_BUCKETS, DECODE_ROWS, decode_tiles, prefill_tiles
from inference.kernels.digits import Digits
from inference.models.cuda.buffers import ATTENTION_PROGRAMS, make_digits
from inference.models.cuda.graphs import run
from testbed.random_decoder import relative_error

from ...conftest import require_cuda

pytestmark = pytest.mark.cuda

SHAPES = {"9B": (32, 2, 128, 32), "embedded": (10, 2, 32, 8)}  # heads, KV heads, dimensions, rotary pairs
ERROR = 1.5e-2  # queries, keys, values and weights are in 16 bits
CHIPS = (90, 89)


@pytest.fixture(autouse=True)
def _device() -> None:
    require_cuda(1)


class Context:
    """Caches of some sequences, blocks scattered; factors of the new tokens' positions."""

    def __init__(self, shape: str, lengths: list[int], block_size: int) -> None:
        self.heads, self.kv_heads, self.width, self.pairs = SHAPES[shape]
        self.lengths, self.block_size = lengths, block_size
        per = max(-(-length // block_size) for length in lengths) + 1
        self.tables = torch.randperm(len(lengths) * per, device="cuda").int().view(len(lengths), per)
        blocks = len(lengths) * per + 1
        shape_of = (2 * self.kv_heads, blocks, block_size, self.width)
        self.cache = torch.randn(shape_of, device="cuda").bfloat16()

    def factors(self, positions: torch.Tensor, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        turns = 10_000.0 ** -(torch.arange(self.pairs, device="cuda") / self.pairs)
        angles = torch.zeros(rows, self.pairs, device="cuda")
        angles[: len(positions)] = positions[:, None] * turns
        return angles.cos(), angles.sin()

    def turned(self, heads: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """heads (rows, heads, width) in float64, rotated as in GLM-4."""
        cosines, sines = (each.double()[:, None] for each in self.factors(positions, len(positions)))
        pairs = heads[..., : 2 * self.pairs].unflatten(-1, (-1, 2))
        first, second = pairs.unbind(-1)
        turned = torch.stack([first * cosines - second * sines, first * sines + second * cosines], -1)
        return torch.cat([turned.flatten(-2), heads[..., 2 * self.pairs :]], -1)

    def attend(self, qkv: torch.Tensor, sequence: int, start: int) -> torch.Tensor:
        """The new rows of one sequence from `start` on, (rows, q + k + v) -> (rows, heads * width)."""
        rows = len(qkv)
        positions = torch.arange(start, start + rows, device="cuda")
        heads = qkv.double().view(rows, -1, self.width)
        query = self.turned(heads[:, : self.heads], positions)
        key = self.turned(heads[:, self.heads : self.heads + self.kv_heads], positions)
        value = heads[:, self.heads + self.kv_heads :]
        places = torch.arange(start, device="cuda")
        blocks = self.tables[sequence].long()[places // self.block_size]
        old = self.cache[:, blocks, places % self.block_size].double()
        keys = torch.cat([old[: self.kv_heads], key.transpose(0, 1)], 1)
        values = torch.cat([old[self.kv_heads :], value.transpose(0, 1)], 1)
        group = self.heads // self.kv_heads
        keys, values = keys.repeat_interleave(group, 0), values.repeat_interleave(group, 0)
        scores = query.transpose(0, 1) @ keys.transpose(1, 2) / math.sqrt(self.width)
        unseen = torch.arange(start + rows, device="cuda") > positions[:, None]
        weights = scores.masked_fill(unseen, -math.inf).softmax(-1)
        return (weights @ values).transpose(0, 1).flatten(1)

    def qkv(self, rows: int) -> torch.Tensor:
        return torch.randn(rows, (self.heads + 2 * self.kv_heads) * self.width, device="cuda")


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("bucket", DECODE_BUCKETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_decode_attends_to_all_before_it(shape: str, bucket: int, chip: int) -> None:
    lengths = np.random.default_rng().integers(1, 700, max(1, bucket - 1)).tolist()
    lengths[0] = 2500
    context = Context(shape, lengths, 32 if bucket == 16 else 16)
    tiles, splits = decode_tiles(chip, bucket), 4
    qkv = torch.stack([context.qkv(DECODE_ROWS) for _ in range(splits)])
    exact = torch.cat(
        [
            context.attend(qkv.double().sum(0)[row : row + 1], row, length - 1)
            for row, length in enumerate(lengths)
        ]
    )
    cosines, sines = context.factors(torch.tensor(lengths, device="cuda") - 1, DECODE_ROWS)
    parts = part_size(DECODE_ROWS, context.heads, context.kv_heads, ATTENTION_PROGRAMS, DECODE_BUCKETS)
    out = make_digits(DECODE_ROWS, context.heads * context.width, context.width, torch.device("cuda"))
    all_lengths = torch.zeros(DECODE_ROWS, dtype=torch.int32, device="cuda")
    all_lengths[: len(lengths)] = torch.tensor(lengths, device="cuda")
    run(
        decode_attention(
            qkv,
            context.cache,
            out,
            cosines=cosines,
            sines=sines,
            tables=context.tables,
            table_stride=torch.tensor([context.tables.shape[1]], dtype=torch.int32, device="cuda"),
            lengths=all_lengths,
            part=torch.full((parts * context.width,), torch.nan, device="cuda"),
            part_sums=torch.full((parts * 2,), torch.nan, device="cuda"),
            heads=context.heads,
            splits=splits,
            rows=bucket,
            keys=tiles.attention_keys,
            programs=tiles.attention_programs,
        )
    )
    found = Digits(out.values, out.steps, context.width).join()[: len(lengths)]
    assert relative_error(found, exact) < ERROR


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "cuts",
    [
        [(0, 512)],
        [(0, 1), (0, 77), (0, 64)],
        [(1000, 1300), (63, 64), (16, 48)],
        [(500, 501), (3, 4), (2047, 2048), (30, 200)],
    ],
    ids=["a prompt", "short prompts", "chunks behind prefixes", "decodes beside a chunk"],
)
def test_new_tokens_attend_to_their_prefix(shape: str, cuts: list[tuple[int, int]], chip: int) -> None:
    context = Context(shape, [end for _, end in cuts], 16)
    counts = [end - start for start, end in cuts]
    firsts = np.cumsum([0, *counts])
    rows = int(firsts[-1])
    qkv = context.qkv(rows)
    exact = torch.cat(
        [
            context.attend(qkv[first : first + count], index, start)
            for index, (first, count, (start, _)) in enumerate(zip(firsts, counts, cuts, strict=False))
        ]
    )
    positions = torch.cat([torch.arange(start, end, device="cuda") for start, end in cuts])
    owners = torch.tensor(np.repeat(np.arange(len(cuts)), counts), device="cuda")
    slots = context.tables.long()[owners, positions // 16] * 16 + positions % 16
    tiles = prefill_tiles(chip)
    tokens = tile_tokens(context.heads, context.kv_heads, tiles.attention_queries)
    found = [
        (index, int(firsts[index]) + at, min(tokens, counts[index] - at), start + at)
        for index, (start, _) in enumerate(cuts)
        for at in range(0, counts[index], tokens)
    ] + [(0, 0, 0, 0)] * 3
    columns = torch.tensor(found, dtype=torch.int32, device="cuda").T.contiguous()
    query = torch.zeros(rows, context.heads, context.width, dtype=torch.bfloat16, device="cuda")
    out = torch.full((rows, context.heads * context.width), torch.nan, device="cuda").bfloat16()
    cosines, sines = context.factors(positions, rows)
    rotary_cache(qkv, cosines, sines, context.cache, slots.int(), query, rows=rows)()
    prefill_attention(
        query,
        context.cache,
        out,
        QueryTiles(*columns),
        tables=context.tables,
        table_stride=torch.tensor([context.tables.shape[1]], dtype=torch.int32, device="cuda"),
        tile_rows=tiles.attention_queries,
        keys=tiles.attention_keys,
        warps=tiles.attention_warps,
        stages=tiles.attention_stages,
    )()
    assert relative_error(out, exact) < ERROR


def test_a_row_without_a_slot_writes_nothing() -> None:
    context = Context("9B", [16], 16)
    before = context.cache.clone()
    query = torch.zeros(1, context.heads, context.width, dtype=torch.bfloat16, device="cuda")
    slots = torch.tensor([-1], dtype=torch.int32, device="cuda")
    rotary_cache(
        context.qkv(1),
        *context.factors(torch.zeros(1, device="cuda"), 1),
        context.cache,
        slots,
        query,
        rows=1,
    )()
    assert torch.equal(context.cache, before)
