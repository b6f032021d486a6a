"""The decoder's shape, which `inference/loading/model_config.py` reads from a checkpoint's config.json."""

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

    @property
    def flops_per_token(self) -> float:
        """Floating-point operations of the layers' matrices, without attention scores and the output head."""
        heads = self.num_attention_heads + self.num_key_value_heads  # q and o; k and v
        attention = 2 * heads * self.head_dim * self.hidden_size
        mlp = 3 * self.hidden_size * self.intermediate_size
        return 2.0 * self.num_layers * (attention + mlp)
