"""The compiled attention against the plain one, and against itself in any schedule."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from inference.kernels.attention import PlainAttention
from inference.kernels.cpu.compiled_attention import CompiledAttention
from inference.kernels.forward_batch import ForwardBatch
from inference.kernels.rotary import rotary_factors

SEQUENCES = ((700, 1), (33, 33), (5, 2), (130, 100), (300, 1))  # keys, and how many of them are new
SHAPES = {  # heads, kv_heads, head_dim, block_size, rotary pairs
    "glm4": (6, 2, 64, 16, 16),
    "one key head": (5, 1, 32, 4, 8),
    "few pairs": (4, 4, 16, 128, 3),
    "wide heads": (2, 1, 128, 16, 64),
}


class Step:
    """Random queries, keys and values of `SEQUENCES`, in a cache whose other numbers are not finite."""

    def __init__(self, heads: int, kv_heads: int, head_dim: int, block_size: int, pairs: int) -> None:
        generator = torch.Generator().manual_seed(0)
        counts = [-(-keys // block_size) for keys, _ in SEQUENCES]
        self.heads = heads
        self.block_size = block_size
        self.tables = list(torch.randperm(sum(counts), generator=generator).split(counts))
        self.frequencies = 0.1 ** torch.arange(pairs)
        shape = (2 * kv_heads, sum(counts) + 1, block_size, head_dim)
        self.cache = torch.full(shape, torch.nan)
        for (keys, new), table in zip(SEQUENCES, self.tables, strict=True):
            self.cache[:, table] = 0  # as `ModelRunner.clear` leaves new blocks
            slots = self.slots(table, 0, keys - new)
            self.cache.flatten(1, 2)[:, slots] = torch.randn(
                2 * kv_heads, keys - new, head_dim, generator=generator
            )
        self.cache[:, -1] = 0
        self.new = [
            torch.randn(new, heads + 2 * kv_heads, head_dim, generator=generator) for _, new in SEQUENCES
        ]

    def slots(self, table: Tensor, start: int, end: int) -> Tensor:
        places = torch.arange(start, end)
        return table[places // self.block_size] * self.block_size + places % self.block_size

    def run(
        self,
        pieces: list[tuple[int, int, int]],
        cache: Tensor,
        kind: type[PlainAttention | CompiledAttention],
    ) -> Tensor:
        """pieces: (sequence, first, end) of the new tokens of each."""
        positions, slots, ends, rows = [], [], [], []
        for index, first, end in pieces:
            before = SEQUENCES[index][0] - SEQUENCES[index][1]
            positions.append(torch.arange(before + first, before + end))
            slots.append(self.slots(self.tables[index], before + first, before + end))
            ends.append(before + end)
            rows.append(self.new[index][first:end].clone())
        tables = torch.full((len(pieces), max(len(table) for table in self.tables)), cache.shape[1] - 1)
        for row, (index, _, _) in zip(tables, pieces, strict=True):
            row[: len(self.tables[index])] = self.tables[index]
        sizes = torch.tensor([0] + [end - first for _, first, end in pieces])
        batch = ForwardBatch(
            torch.cat(positions),
            torch.cat(slots),
            sizes.cumsum(0),
            torch.tensor(ends),
            tables,
            is_decode=bool((sizes[1:] == 1).all()),
        )
        factors = rotary_factors(batch.token_positions, self.frequencies)
        heads = torch.cat(rows)
        if kind is CompiledAttention:
            return CompiledAttention(batch, factors, self.heads).attend(heads, cache)
        return PlainAttention(batch, cache, factors, self.heads).attend(heads, cache)

    @property
    def whole(self) -> list[tuple[int, int, int]]:
        return [(index, 0, new) for index, (_, new) in enumerate(SEQUENCES)]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_is_the_plain_attention(shape: tuple[int, int, int, int, int]) -> None:
    step = Step(*shape)
    plain, compiled = step.cache.clone(), step.cache.clone()
    expected = step.run(step.whole, plain, PlainAttention)
    torch.testing.assert_close(
        step.run(step.whole, compiled, CompiledAttention), expected, atol=2e-6, rtol=1e-5
    )
    torch.testing.assert_close(compiled, plain, equal_nan=True, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_row_is_the_same_in_any_schedule_and_with_any_threads(
    shape: tuple[int, int, int, int, int],
) -> None:
    step = Step(*shape)
    together = step.cache.clone()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        expected = step.run(step.whole, together, CompiledAttention)
    finally:
        torch.set_num_threads(threads)
    starts = [0, *torch.tensor([new for _, new in SEQUENCES]).cumsum(0).tolist()]
    alone = step.cache.clone()
    for index, (first, end) in enumerate(pairwise(starts)):
        places = [0, *range(1, end - first, 13), end - first]
        for start, stop in pairwise(places):
            found = step.run([(index, start, stop)], alone, CompiledAttention)
            assert torch.equal(found, expected[first + start : first + stop])
    assert torch.equal(alone.nan_to_num(7), together.nan_to_num(7))


def test_what_lies_after_a_context_is_not_read() -> None:
    step = Step(*SHAPES["glm4"])
    expected = step.run(step.whole, step.cache.clone(), CompiledAttention)
    spoilt = step.cache.clone()
    for (keys, _), table in zip(SEQUENCES, step.tables, strict=True):
        spoilt.flatten(1, 2)[:, step.slots(table, keys, len(table) * step.block_size)] = torch.nan
    assert torch.equal(step.run(step.whole, spoilt, CompiledAttention), expected)
