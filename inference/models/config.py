"""The decoder's shape, read from a checkpoint's config.json by `inference/loading/registry.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Field names follow transformers' Glm4Config; `num_layers` is its `num_hidden_layers`."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    partial_rotary_factor: float
    attention_bias: bool
    tie_word_embeddings: bool
    mrope_section: tuple[int, ...] | None = None  # rotary pairs of the time, height and width axes
