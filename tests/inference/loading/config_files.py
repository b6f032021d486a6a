"""A text configuration that is valid, and the sentence about one that is not."""

from typing import Any

import pytest

from inference.errors import InvalidCheckpoint
from inference.loading.config_file import ConfigFile, read_config
from inference.models.config import DecoderConfig

TEXT = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
}
DECODER = DecoderConfig(
    vocab_size=512,
    hidden_size=64,
    intermediate_size=96,
    num_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    max_position_embeddings=1024,
    rms_norm_eps=1.5625e-07,
    rope_theta=10_000.0,
    partial_rotary_factor=0.5,
    attention_bias=True,
    tie_word_embeddings=False,
)


def refusal(kind: type[ConfigFile], value: dict[str, Any], file_name: str = "config.json") -> str:
    with pytest.raises(InvalidCheckpoint) as caught:
        read_config(kind, value, "tiny", file_name)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message
