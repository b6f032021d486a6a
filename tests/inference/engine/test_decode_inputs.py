"""The inputs that are kept between decode steps equal those that are made anew."""

import random

import torch

from inference.engine.block_tables import BlockTables
from inference.engine.decode_inputs import DecodeInputs
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.text_stream import TextStream
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, SamplingParams

PADDING = 99
BLOCK_SIZE = 4


def make_sequence(number: int) -> Sequence:
    request = GenerationRequest("r", (), SamplingParams(max_tokens=400))
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    return Sequence(number, request, EncodedPrompt((number,)), stream, BLOCK_SIZE)


def test_each_step_has_the_tokens_places_and_blocks_of_its_sequences() -> None:
    """Sequences come, go, are computed again, and have blocks that they do not use yet."""
    chance = random.Random(0)
    block_tables = BlockTables(PADDING)
    inputs = DecodeInputs(block_tables, BLOCK_SIZE)
    sequences = [make_sequence(number) for number in range(6)]
    for number in range(400):
        if chance.random() < 0.1:
            sequences[chance.randrange(6)] = make_sequence(number)
        for each in sequences:
            each.token_ids.append(chance.randrange(1000))
            while each.num_blocks * BLOCK_SIZE < len(each.token_ids) + chance.randrange(8):
                each.append_blocks([chance.randrange(PADDING)])
        running = sequences if chance.random() < 0.7 else chance.sample(sequences, chance.randint(1, 6))
        if chance.random() < 0.1:
            block_tables.rows([Chunk(running[-1], 0, 1)])  # of a step that prefills
        again = chance.random() < 0.2
        starts = [len(each.token_ids) - 1 - (again and len(each.token_ids) > 1) for each in running]
        chunks = [Chunk(each, start, start + 1) for each, start in zip(running, starts, strict=True)]

        token_ids, batch = inputs.write(chunks)

        assert token_ids.tolist() == [
            each.token_ids[start] for each, start in zip(running, starts, strict=True)
        ]
        assert batch.token_positions.tolist() == starts
        assert batch.context_lengths.tolist() == [start + 1 for start in starts]
        assert batch.query_starts.tolist() == list(range(len(running) + 1))
        assert batch.slot_mapping.tolist() == [
            int(each.block_table[start // BLOCK_SIZE]) * BLOCK_SIZE + start % BLOCK_SIZE
            for each, start in zip(running, starts, strict=True)
        ]
        assert batch.is_decode
        for row, each in zip(batch.block_tables, running, strict=True):
            rest = torch.full((len(row) - each.num_blocks,), PADDING)
            assert torch.equal(row, torch.cat([torch.from_numpy(each.block_table), rest]))
