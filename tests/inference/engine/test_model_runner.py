"""The model runner's inputs for the decoder, where no response would show an error."""

from itertools import pairwise

import pytest
import torch

from inference.engine.model_runner import multimodal_positions
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.text_stream import TextStream
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, SamplingParams

POSITIONS = torch.tensor([[0, 1, 1, 1, 3], [0, 1, 1, 2, 3], [0, 1, 2, 1, 3]])  # a picture, and text around it
GENERATED = [[4] * 3, [5] * 3, [6] * 3]


def make_sequence(positions: torch.Tensor | None) -> Sequence:
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    prompt = EncodedPrompt((1,) * 5, positions=positions)
    sequence = Sequence(0, GenerationRequest("", (), SamplingParams(9)), prompt, stream, block_size=4)
    sequence.token_ids += [1, 1, 1]
    return sequence


@pytest.mark.parametrize("bounds", [[0, 8], [0, 3, 8], [0, 5, 6, 7, 8], [0, 2, 4, 6, 8]])
def test_positions_after_a_picture_continue_from_its_longer_side(bounds: list[int]) -> None:
    sequence = make_sequence(POSITIONS)
    pieces = [multimodal_positions([Chunk(sequence, start, end)]) for start, end in pairwise(bounds)]
    assert torch.cat(pieces, dim=1).T.tolist() == POSITIONS.T.tolist() + GENERATED


def test_text_positions_are_equal_on_all_three_axes() -> None:
    chunks = [Chunk(make_sequence(None), 3, 8), Chunk(make_sequence(POSITIONS), 7, 8)]
    assert multimodal_positions(chunks).tolist() == [[3, 4, 5, 6, 7, 6]] * 3
