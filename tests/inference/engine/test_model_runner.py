"""What the model runner tells the decoder, where no answer would show it."""

import os
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from inference.engine.model_runner import CPU_MEMORY_FRACTION, count_blocks, multimodal_positions
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.text_stream import TextStream
from inference.errors import InvalidCheckpoint, InvalidConfiguration
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, SamplingParams

from ..fake_model import EchoDecoder

POSITIONS = torch.tensor([[0, 1, 1, 1, 3], [0, 1, 1, 2, 3], [0, 1, 2, 1, 3]])  # a picture, and text around it
GENERATED = [[4] * 3, [5] * 3, [6] * 3]


def make_sequence(positions: torch.Tensor | None) -> Sequence:
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    prompt = EncodedPrompt((1,) * 5, positions=positions)
    sequence = Sequence(0, GenerationRequest("", (), SamplingParams(9)), prompt, stream, block_size=4)
    sequence.token_ids += [1, 1, 1]
    return sequence


@pytest.mark.parametrize("bounds", [[0, 8], [0, 3, 8], [0, 5, 6, 7, 8], [0, 2, 4, 6, 8]])
def test_positions_behind_a_picture_go_on_from_its_longer_side(bounds: list[int]) -> None:
    sequence = make_sequence(POSITIONS)
    pieces = [multimodal_positions([Chunk(sequence, start, end)]) for start, end in pairwise(bounds)]
    assert torch.cat(pieces, dim=1).T.tolist() == POSITIONS.T.tolist() + GENERATED


def test_a_text_alone_counts_on_in_all_three_axes() -> None:
    chunks = [Chunk(make_sequence(None), 3, 8), Chunk(make_sequence(POSITIONS), 7, 8)]
    assert multimodal_positions(chunks).tolist() == [[3, 4, 5, 6, 7, 6]] * 3


def test_the_cache_is_as_large_as_what_may_run_needs_or_as_was_set() -> None:
    cpu = torch.device("cpu")
    assert count_blocks(EchoDecoder(), cpu, 16, wanted_tokens=1000, given_tokens=None) == 63
    assert count_blocks(EchoDecoder(), cpu, 16, wanted_tokens=1000, given_tokens=100) == 7


def test_a_cache_too_small_for_one_request_is_refused_unless_it_was_set() -> None:
    decoder, cpu = EchoDecoder(), torch.device("cpu")
    decoder.config = replace(decoder.config, num_layers=10**9)  # 16 gigabytes a token
    with pytest.raises(
        InvalidCheckpoint, match="memory of cpu holds a cache of 0 tokens, fewer than the 512"
    ):
        count_blocks(decoder, cpu, 16, wanted_tokens=1000, given_tokens=None)
    decoder.config = replace(decoder.config, num_layers=10**7)  # 160 megabytes a token: 80 gigabytes for 512
    assert count_blocks(decoder, cpu, 16, wanted_tokens=1000, given_tokens=16) == 1


def test_a_cache_that_was_set_larger_than_the_memory_is_refused() -> None:
    with pytest.raises(
        InvalidConfiguration, match=r"A cache of 10+ tokens takes 1490116\.1 GiB, more than the"
    ):
        count_blocks(EchoDecoder(), torch.device("cpu"), 16, wanted_tokens=1000, given_tokens=10**14)


def test_the_cache_takes_a_part_of_free_memory_at_most() -> None:
    """Bytes of a token: key and value, one head of two numbers each, in 32 bits."""
    blocks = count_blocks(EchoDecoder(), torch.device("cpu"), 16, wanted_tokens=10**15, given_tokens=None)
    whole_memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < blocks * 16 * 2 * 2 * 4 < whole_memory * CPU_MEMORY_FRACTION
