"""Rows that are kept between steps equal those of an array built anew."""

import random

import numpy as np

from inference.engine.block_tables import BlockTables
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.text_stream import TextStream
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, SamplingParams

PADDING = 99


def make_sequence() -> Sequence:
    request = GenerationRequest("r", (), SamplingParams(max_tokens=400))
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    return Sequence(0, request, EncodedPrompt((1,)), stream, block_size=4)


def test_rows_are_the_tables_of_the_step_whatever_happened_before() -> None:
    """Sequences of one key and one number of blocks must not be taken for each other."""
    chance = random.Random(0)
    tables = BlockTables(PADDING)
    sequences = [make_sequence() for _ in range(6)]
    for _ in range(400):
        each = chance.choice(sequences)
        match chance.randrange(4):
            case 0 if each.num_blocks:
                each.take_blocks()
                each.append_blocks([chance.randrange(PADDING)])
            case 1:
                sequences[sequences.index(each)] = make_sequence()
            case _ if each.num_blocks < 90:
                each.append_blocks([chance.randrange(PADDING) for _ in range(chance.randrange(1, 4))])
        running = [each for each in sequences if each.num_blocks and chance.random() < 0.9]
        if not running:
            continue
        width = max(each.num_blocks for each in running)
        expected = np.full((len(running), width), PADDING)
        for row, each in zip(expected, running, strict=True):
            row[: each.num_blocks] = each.block_table
        found = tables.rows([Chunk(each, 0, 1) for each in running])
        assert np.array_equal(found, expected)
