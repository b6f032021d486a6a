"""transformers' Whisper still has the inside that `inference/models/transformers_whisper.py` uses."""

import pytest
import torch

from inference.errors import InvalidCheckpoint
from inference.models.towers import build_whisper
from inference.models.transformers_whisper import WhisperModule, make_module

pytestmark = pytest.mark.slow

VOCAB_SIZE = 40
CONFIG: dict[str, object] = {
    "vocab_size": VOCAB_SIZE,
    "num_mel_bins": 80,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_source_positions": 50,
    "max_target_positions": 20,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


@pytest.fixture(scope="module")
def module() -> WhisperModule:
    torch.manual_seed(0)
    return WhisperModule(make_module(CONFIG).eval())


@pytest.fixture(scope="module")
def states(module: WhisperModule) -> torch.Tensor:
    with torch.inference_mode():
        return module.encode(torch.randn(1, 80, 100, generator=torch.Generator().manual_seed(0)))


def test_the_module_is_built_without_storage() -> None:
    built = build_whisper(CONFIG)
    assert {each.device.type for each in built.parameters()} == {"meta"}
    assert not built.training


def test_a_config_that_transformers_refuses_is_an_invalid_checkpoint() -> None:
    with pytest.raises(InvalidCheckpoint, match="is not one of Whisper"):
        build_whisper(CONFIG | {"encoder_attention_heads": 5})


def test_its_sizes_are_those_of_the_configuration(module: WhisperModule) -> None:
    assert (module.num_mels, module.positions, module.max_tokens) == (80, 50, 20)


def test_a_window_is_encoded_to_its_positions(states: torch.Tensor) -> None:
    assert states.shape == (1, 50, 32)


@torch.inference_mode()
def test_the_cache_holds_what_was_decoded(module: WhisperModule, states: torch.Tensor) -> None:
    token_ids = torch.tensor([[1, 7, 9, 4]])
    expected = module.decode(states, token_ids, module.new_cache())
    assert expected.shape == (VOCAB_SIZE,)
    cache = module.new_cache()
    module.decode(states, token_ids[:, :2], cache)
    module.decode(states, token_ids[:, 2:3], cache)
    torch.testing.assert_close(module.decode(states, token_ids[:, 3:], cache), expected)
    alone = module.decode(states, token_ids[:, 3:], module.new_cache())
    assert not torch.allclose(alone, expected)
