"""Our decoder against transformers, and against itself in every schedule."""

from pathlib import Path
from typing import Any

import pytest
import torch

from inference.loading.registry import load_model

from ..tiny_checkpoints import (
    Driver,
    Step,
    at_random,
    in_chunks,
    one_by_one,
    random_sequences,
    whole,
    write_glm4,
)

pytestmark = pytest.mark.slow

LENGTHS = (5, 33, 200, 193, 17, 300)
TOLERANCE = 1e-4  # of logits around 10, in float32

SHAPES: dict[str, dict[str, Any]] = {
    "glm4": {},
    "no_bias_all_rotary": {"attention_bias": False, "partial_rotary_factor": 1.0},
    "tied": {"tie_word_embeddings": True},
    "one_key_head_odd_sizes": {"num_attention_heads": 3, "num_key_value_heads": 1, "intermediate_size": 77},
    "as_many_key_heads": {"num_attention_heads": 4, "num_key_value_heads": 4},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_equal_those_of_transformers(tmp_path: Path, shape: str, device: str) -> None:
    reference = write_glm4(tmp_path, **SHAPES[shape])
    model = load_model(str(tmp_path), device, "none")
    sequences = random_sequences(LENGTHS)
    with torch.inference_mode():
        expected = [reference(torch.tensor([each])).logits[0] for each in sequences]
    for steps in (whole(sequences), in_chunks(sequences, 1)):
        for ours, theirs in zip(Driver(model.decoder).run(sequences, steps), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


def test_greedy_tokens_equal_those_of_generate_on_fifty_prompts(tmp_path: Path, device: str) -> None:
    reference = write_glm4(tmp_path)
    model = load_model(str(tmp_path), device, "none")
    prompts = random_sequences(tuple(range(1, 101, 2)), seed=1)
    new_tokens = 8
    driver = Driver(model.decoder, num_blocks=512)
    produced = [list(prompt) for prompt in prompts]
    rows = [rows[-1] for rows in driver.run(prompts, whole(prompts))]
    with torch.inference_mode():
        for _ in range(new_tokens):
            for sequence, row in zip(produced, rows, strict=True):
                sequence.append(int(row.argmax()))
            step = [(index, len(sequence) - 1, len(sequence)) for index, sequence in enumerate(produced)]
            rows = list(driver.step(torch.tensor([sequence[-1] for sequence in produced]), step))
        for prompt, ours in zip(prompts, produced, strict=True):
            theirs = reference.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
                max_new_tokens=new_tokens,
                do_sample=False,
                eos_token_id=None,
            )
            assert ours == theirs[0].tolist()


@pytest.mark.parametrize("kind", ["whole", "decoded", "chunks", "random"])
@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_a_row_is_the_same_in_any_schedule(tmp_path: Path, kind: str, quantization: str, device: str) -> None:
    """To the last bit on the CPU; a CUDA device's library chooses its kernels by the number of rows."""
    write_glm4(tmp_path)
    decoder = load_model(str(tmp_path), device, quantization).decoder
    sequences = random_sequences(LENGTHS)
    steps: list[Step] = {
        "whole": whole(sequences),
        "decoded": in_chunks(sequences, 1),
        "chunks": in_chunks(sequences, 37),
        "random": at_random(sequences, seed=3),
    }[kind]
    alone = Driver(decoder).run(sequences, one_by_one(sequences))
    together = Driver(decoder).run(sequences, steps)
    for expected, found in zip(alone, together, strict=True):
        if device == "cpu":
            assert torch.equal(expected, found)
        torch.testing.assert_close(expected, found, atol=TOLERANCE, rtol=TOLERANCE)
