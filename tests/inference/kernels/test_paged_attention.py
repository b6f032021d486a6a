"""The reference against torch's own attention; its exactness is tested through the decoder."""

import torch
from torch.nn import functional

from inference.kernels.paged_attention import paged_attention, plan_attention
from inference.models.forward_batch import ForwardBatch

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
    found = paged_attention(queries, cache, plan_attention(batch, cache))
    torch.testing.assert_close(found, torch.cat(expected))
