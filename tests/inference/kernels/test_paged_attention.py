"""The reference against torch's own attention; its exactness is tested through the decoder."""

import torch
from torch.nn import functional

from inference.kernels.paged_attention import paged_attention, plan_attention
from inference.models.forward_batch import ForwardBatch

BLOCK_SIZE, HEADS, KV_HEADS, HEAD_DIM = 4, 6, 2, 8


def test_each_token_attends_to_its_own_sequence_up_to_itself() -> None:
    torch.manual_seed(0)
    lengths, new = (9, 3, 30), (1, 3, 5)
    tables = torch.tensor([[7, 2, 5] + [0] * 5, [1] + [0] * 7, [3, 4, 6, 8, 9, 10, 11, 12]])
    caches = torch.full((2, 16, BLOCK_SIZE, KV_HEADS, HEAD_DIM), float("nan"))
    queries = torch.randn(sum(new), HEADS, HEAD_DIM)
    expected = []
    for length, count, table, query in zip(lengths, new, tables, queries.split(list(new)), strict=True):
        key, value = torch.randn(2, length, KV_HEADS, HEAD_DIM)
        slots = [int(table[at // BLOCK_SIZE]) * BLOCK_SIZE + at % BLOCK_SIZE for at in range(length)]
        caches[0].flatten(0, 1)[slots] = key
        caches[1].flatten(0, 1)[slots] = value
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
    groups = plan_attention(batch, BLOCK_SIZE, HEADS // KV_HEADS)
    found = paged_attention(queries, caches[0], caches[1], groups)
    torch.testing.assert_close(found, torch.cat(expected))
