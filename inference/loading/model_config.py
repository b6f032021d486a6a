"""The parts of config.json that all language models have: architecture, decoder, end tokens.

Field names are transformers'. What cannot be served is refused here, by name.
"""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from inference.loading.checkpoint import JSON
from inference.loading.config_file import (
    ConfigFile,
    Flag,
    Positive,
    Size,
    TokenIds,
    as_section,
    contradiction,
    unsupported,
)
from inference.models.config import DecoderConfig

ROPE_SECTIONS = ("rope_scaling", "rope_parameters")  # before transformers 5, and since
ROPE_FIELDS = ("rope_type", "rope_theta", "partial_rotary_factor", "mrope_section")


def _strings(value: object) -> object:
    return value if isinstance(value, list) else []


class ArchitectureConfig(ConfigFile):
    """The names of the classes that transformers would load."""

    architectures: Annotated[tuple[str, ...], BeforeValidator(_strings)] = ()


class EndConfig(ConfigFile):
    """The tokens that end a response. They are in generation_config.json or config.json."""

    eos_token_id: TokenIds = frozenset()


class TextConfig(ConfigFile):
    """A Glm4Config or a Glm4vTextConfig as transformers saves it, since version 5 or before it."""

    vocab_size: Size
    hidden_size: Size
    intermediate_size: Size
    num_layers: Size = Field(validation_alias="num_hidden_layers")
    num_attention_heads: Size
    num_key_value_heads: Size
    head_dim: Size
    max_position_embeddings: Size
    rms_norm_eps: Positive = 1.5625e-07
    rope_theta: Positive = 10_000.0
    partial_rotary_factor: Positive = 0.5
    attention_bias: Flag = True
    tie_word_embeddings: Flag = False
    mrope_section: tuple[StrictInt, ...] | None = None
    rope_type: str = Field("default", exclude=True)
    hidden_act: str = Field("silu", exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: object) -> JSON:
        """Rotary fields are in a section, or beside it in older files. `head_dim` may be left out."""
        config = as_section(value)
        rope: JSON = {}
        for section in ROPE_SECTIONS:
            rope |= as_section(config.get(section))
        if "type" in rope:
            rope = {"rope_type": rope["type"], **rope}
        found = {name: rope[name] for name in ROPE_FIELDS if name in rope}
        width, heads = config.get("hidden_size"), config.get("num_attention_heads")
        if config.get("head_dim") is None and isinstance(width, int) and isinstance(heads, int) and heads > 0:
            found["head_dim"] = width // heads
        return {**config, **found}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rope_type != "default":
            raise unsupported(f"scales its rotary positions ({self.rope_type}); only plain ones are served")
        if self.hidden_act != "silu":
            raise unsupported(f"activates by {self.hidden_act}; only silu is served")
        if self.num_attention_heads % self.num_key_value_heads:
            raise contradiction("num_attention_heads is not a multiple of num_key_value_heads")
        rotary_width = int(self.head_dim * self.partial_rotary_factor)
        if rotary_width % 2:
            raise contradiction("the rotary part of head_dim is odd")
        if self.mrope_section and 2 * sum(self.mrope_section) != rotary_width:
            raise contradiction("mrope_section does not add up to the rotary part of head_dim")
        return self

    def to_decoder_config(self) -> DecoderConfig:
        return DecoderConfig(**self.model_dump())
