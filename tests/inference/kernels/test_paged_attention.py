"""The reference against torch's own attention, and against itself in any schedule."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.kernels.forward_batch import ForwardBatch
from inference.kernels.paged_attention import group_sequences, paged_attention

BLOCK_SIZE, HEADS, KV_HEADS, HEAD_DIM = 4, 6, 2, 8


def test_each_token_attends_to_its_own_sequence_up_to_itself() -> None:
    torch.manual_seed(0)
    lengths, new = (9, 3, 30), (1, 3, 5)
    tables = torch.tensor([[7, 2, 5] + [15] * 5, [1] + [15] * 7, [3, 4, 6, 8, 9, 10, 11, 12]])
    cache = torch.full((2 * KV_HEADS, 16, BLOCK_SIZE, HEAD_DIM), float("nan"))
    cache[:, tables.unique()] = 0  # the last one pads the tables
    queries = torch.randn(sum(new), HEADS, HEAD_DIM)
    expected = []
    for length, count, table, query in zip(lengths, new, tables, queries.split(list(new)), strict=True):
        key, value = torch.randn(2, length, KV_HEADS, HEAD_DIM)
        slots = [int(table[at // BLOCK_SIZE]) * BLOCK_SIZE + at % BLOCK_SIZE for at in range(length)]
        cache.flatten(1, 2)[:, slots] = torch.cat([key, value], dim=1).transpose(0, 1)
        visible = torch.ones(count, length, dtype=torch.bool).tril(length - count)
        attended = functional.scaled_dot_product_attention(
            query.transpose(0, 1)[None],
            key.transpose(0, 1)[None],
            value.transpose(0, 1)[None],
            visible,
            enable_gqa=True,
        )
        expected.append(attended[0].transpose(0, 1))
    batch = ForwardBatch(
        token_positions=torch.zeros(sum(new), dtype=torch.int64),
        slot_mapping=torch.zeros(sum(new), dtype=torch.int64),
        query_starts=torch.tensor([0, 1, 4, 9]),
        context_lengths=torch.tensor(lengths),
        block_tables=tables,
        is_decode=False,
    )
    found = paged_attention(queries, cache, group_sequences(batch, cache))
    torch.testing.assert_close(found, torch.cat(expected))


LENGTHS = (700, 300, 5)
Piece = tuple[int, int, int]  # sequence, start, end


class Contexts:
    """Random queries, keys and values of whole sequences, and attention over pieces of them."""

    def __init__(self, heads: int, kv_heads: int, head_dim: int) -> None:
        torch.manual_seed(0)
        counts = [-(-length // BLOCK_SIZE) for length in LENGTHS]
        self.tables = torch.randperm(sum(counts)).split(counts)
        self.cache = torch.randn(2 * kv_heads, sum(counts) + 1, BLOCK_SIZE, head_dim)
        self.cache[:, -1] = 0
        self.queries = [torch.randn(length, heads, head_dim) for length in LENGTHS]

    def attend(self, pieces: list[Piece]) -> list[Tensor]:
        sizes = [end - start for _, start, end in pieces]
        tables = [self.tables[index][: -(-end // BLOCK_SIZE)] for index, _, end in pieces]
        width = max(map(len, tables))
        padding = self.cache.shape[1] - 1
        batch = ForwardBatch(
            token_positions=torch.zeros(sum(sizes), dtype=torch.int64),
            slot_mapping=torch.zeros(sum(sizes), dtype=torch.int64),
            query_starts=torch.tensor([0, *sizes]).cumsum(0),
            context_lengths=torch.tensor([end for *_, end in pieces]),
            block_tables=torch.stack(
                [functional.pad(table, (0, width - len(table)), value=padding) for table in tables]
            ),
            is_decode=all(size == 1 for size in sizes),
        )
        rows = torch.cat([self.queries[index][start:end] for index, start, end in pieces])
        found = paged_attention(rows, self.cache, group_sequences(batch, self.cache))
        return list(found.split(sizes))


@pytest.mark.parametrize("shape", [(6, 2, 32), (8, 1, 128), (3, 3, 16), (40, 2, 8)])
def test_a_token_attends_the_same_in_any_batch_and_chunk(shape: tuple[int, int, int]) -> None:
    """With forty heads the scores of the longest context are computed in parts."""
    contexts = Contexts(*shape)
    whole = [contexts.attend([(index, 0, length)])[0] for index, length in enumerate(LENGTHS)]
    for place in (0, 1, 127, 128, 129, 255, 256, 299, 384, 511, 699):
        pieces = [
            (index, min(place, length - 1), min(place, length - 1) + 1)
            for index, length in enumerate(LENGTHS)
        ]
        for (index, start, end), together in zip(pieces, contexts.attend(pieces), strict=True):
            assert torch.equal(together, whole[index][start:end])
            assert torch.equal(contexts.attend([(index, start, end)])[0], together)
    for chunk in (37, 128, 500):
        cut = [contexts.attend([(0, at, min(at + chunk, 700))])[0] for at in range(0, 700, chunk)]
        assert torch.equal(torch.cat(cut), whole[0])
