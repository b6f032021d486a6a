"""Whole steps through the kernels against the decoder's own forward in float64."""

import numpy as np
import pytest
import torch

from inference.engine.scheduler import Chunk
from inference.kernels.cuda.tiles import DECODE_BUCKETS
from inference.models.prompt import multimodal_positions
from testbed.random_decoder import SHAPES, exact_decoder, random_decoder, relative_error

from ...conftest import require_cuda
from ...cuda_steps import Steps, give_blocks, make_sequence, reference_logits

pytestmark = pytest.mark.cuda

CHIPS = (90, 89)
NUM_BLOCKS = 700
NOISE = 1.5  # both errors are random; that of the kernels is half of the other as a rule
LARGEST_ERROR = 0.5  # of one step, where channels are 20 times larger and attention has to choose


@pytest.fixture(autouse=True)
def _device() -> None:
    require_cuda(1)


def cache_like(steps: Steps, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros_like(steps.cache, dtype=dtype)


@pytest.mark.parametrize("has_outliers", [False, True], ids=["plain", "outliers"])
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("shape", SHAPES)
@torch.inference_mode()
def test_steps_are_as_close_to_float64_as_the_reference_in_16_bits(
    shape: str, chip: int, has_outliers: bool
) -> None:
    """Prompts in two chunks, short and long ones, then a decode in every bucket."""
    decoder = random_decoder(SHAPES[shape], "cuda", has_outliers=has_outliers)
    exact = exact_decoder(decoder)
    steps = Steps(decoder, chip, NUM_BLOCKS)
    exact_cache, plain_cache = cache_like(steps, torch.float64), cache_like(steps, torch.bfloat16)
    sequences = [make_sequence(length) for length in (150, 70, 33, 5)]
    sequences.append(make_sequence(60, positions=multimodal_positions(60, [(7, 6, 8)])))
    give_blocks(sequences, NUM_BLOCKS)

    errors: list[tuple[float, float]] = []

    def check(found: torch.Tensor, chunks: list[Chunk]) -> None:
        truth = reference_logits(exact, chunks, exact_cache)
        plain = relative_error(reference_logits(decoder, chunks, plain_cache), truth)
        errors.append((relative_error(found, truth), plain))
        assert errors[-1][0] < LARGEST_ERROR

    for has_digits in (True, False):
        for start, end in ((0.0, 0.5), (0.5, 1.0)):
            chunks = [
                Chunk(each, int(start * each.prompt_tokens), int(end * each.prompt_tokens))
                for each in sequences
            ]
            check(steps.prefill(chunks, has_digits=has_digits), chunks)
    for sequence, token_id in zip(sequences, steps.buffers.tokens.tolist(), strict=False):
        sequence.token_ids.append(token_id)
    chunks = [Chunk(each, len(each.token_ids) - 1, len(each.token_ids)) for each in sequences]
    for rows in DECODE_BUCKETS:
        some = slice(0, min(rows, len(chunks)))
        check(steps.decode(sequences[some], rows), chunks[some])
    ours, theirs = np.sqrt(np.square(errors).mean(axis=0))
    assert ours < NOISE * theirs, errors


@torch.inference_mode()
def test_a_head_in_16_bits_is_served_as_well() -> None:
    decoder = random_decoder(SHAPES["embedded"], "cuda", has_int8_head=False)
    exact = exact_decoder(decoder)
    steps = Steps(decoder, 90)
    sequences = [make_sequence(length) for length in (40, 7)]
    give_blocks(sequences, 256)
    chunks = [Chunk(each, 0, each.prompt_tokens) for each in sequences]
    cache = cache_like(steps, torch.float64)
    truth = reference_logits(exact, chunks, cache)
    assert relative_error(steps.prefill(chunks, has_digits=True), truth) < 0.02
    for sequence in sequences:
        sequence.token_ids.append(5)
    chunks = [Chunk(each, len(each.token_ids) - 1, len(each.token_ids)) for each in sequences]
    assert relative_error(steps.decode(sequences), reference_logits(exact, chunks, cache)) < 0.02
