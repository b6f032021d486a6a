"""config.json to the models' own dataclasses. What cannot be served is refused here, by name."""

from inference.errors import InvalidCheckpoint
from inference.loading.checkpoint import JSON
from inference.modalities.glm4v_image import Glm4vImageConfig
from inference.models.audio_tower import AUDIO_WIDTH, AudioConfig
from inference.models.config import DecoderConfig
from inference.models.vision_tower import VISUAL_WIDTH, VisionConfig


def read_decoder_config(config: JSON, name: str) -> DecoderConfig:
    """Reads a Glm4Config or a Glm4vTextConfig as transformers saves it, today or before version 5."""
    rope = {**config, **read_section(config, "rope_scaling"), **read_section(config, "rope_parameters")}
    rope_type = rope.get("rope_type", rope.get("type", "default"))
    activation = config.get("hidden_act", "silu")
    if rope_type != "default":
        raise InvalidCheckpoint(
            f"The checkpoint {name} scales its rotary positions ({rope_type}); only plain ones are served."
        )
    if activation != "silu":
        raise InvalidCheckpoint(f"The checkpoint {name} activates by {activation}; only silu is served.")
    hidden_size = _size(config, "hidden_size", name)
    num_heads = _size(config, "num_attention_heads", name)
    section = rope.get("mrope_section")
    decoder_config = DecoderConfig(
        vocab_size=_size(config, "vocab_size", name),
        hidden_size=hidden_size,
        intermediate_size=_size(config, "intermediate_size", name),
        num_layers=_size(config, "num_hidden_layers", name),
        num_attention_heads=num_heads,
        num_key_value_heads=_size(config, "num_key_value_heads", name),
        head_dim=_size({"head_dim": hidden_size // num_heads, **config}, "head_dim", name),
        max_position_embeddings=_size(config, "max_position_embeddings", name),
        rms_norm_eps=_number(config, "rms_norm_eps", 1.5625e-07, name),
        rope_theta=_number(rope, "rope_theta", 10_000.0, name),
        partial_rotary_factor=_number(rope, "partial_rotary_factor", 0.5, name),
        attention_bias=bool(config.get("attention_bias", True)),
        tie_word_embeddings=bool(config.get("tie_word_embeddings", False)),
        mrope_section=tuple(map(int, section)) if isinstance(section, list) else None,
    )
    if decoder_config.num_attention_heads % decoder_config.num_key_value_heads:
        raise _contradiction(name, "num_attention_heads is not a multiple of num_key_value_heads")
    rotary_width = int(decoder_config.head_dim * decoder_config.partial_rotary_factor)
    if rotary_width % 2:
        raise _contradiction(name, "the rotary part of head_dim is odd")
    if decoder_config.mrope_section and 2 * sum(decoder_config.mrope_section) != rotary_width:
        raise _contradiction(name, "mrope_section does not add up to the rotary part of head_dim")
    return decoder_config


def read_vision_config(config: JSON, name: str) -> VisionConfig | None:
    section = read_section(config, "vision_config")
    if not section:
        return None
    vision = VisionConfig(
        hidden_size=_size(section, "hidden_size", name),
        num_layers=_size(section, "num_layers", name),
        num_heads=_size(section, "num_heads", name),
        intermediate_size=_size(section, "intermediate_size", name),
        patch_size=_size(section, "patch_size", name),
        merge_size=_size(section, "merge_size", name),
        max_tokens=_size(section, "max_tokens", name),
    )
    if vision.hidden_size * vision.merge_size**2 != VISUAL_WIDTH or vision.hidden_size % 4:
        raise _contradiction(name, f"the vision tower's merged features are not {VISUAL_WIDTH} wide")
    if vision.patch_size < 2 or vision.patch_size.bit_count() != 1:
        raise _contradiction(name, "the vision tower's patch_size is not a power of two")
    if vision.hidden_size % vision.num_heads:
        raise _contradiction(name, "the vision tower's hidden_size is not a multiple of its num_heads")
    return vision


def read_audio_config(config: JSON, name: str) -> AudioConfig | None:
    section = read_section(config, "audio_config")
    if not section:
        return None
    audio = AudioConfig(
        num_mels=_size(section, "num_mels", name),
        hidden_size=_size(section, "hidden_size", name),
        num_layers=_size(section, "num_layers", name),
        num_heads=_size(section, "num_heads", name),
        intermediate_size=_size(section, "intermediate_size", name),
        stack_size=_size(section, "stack_size", name),
    )
    if audio.hidden_size * audio.stack_size != AUDIO_WIDTH or audio.hidden_size % 2:
        raise _contradiction(name, f"the audio tower's stacked features are not {AUDIO_WIDTH} wide")
    if audio.hidden_size % audio.num_heads:
        raise _contradiction(name, "the audio tower's hidden_size is not a multiple of its num_heads")
    return audio


def read_glm4v_image_config(vision: JSON, preprocessor: JSON, name: str) -> Glm4vImageConfig:
    """Sizes from `vision_config`, pixel counts and colours from preprocessor_config.json."""
    default = Glm4vImageConfig()
    size = read_section(preprocessor, "size")
    pixels = {
        "min_pixels": size.get("shortest_edge", preprocessor.get("min_pixels", default.min_pixels)),
        "max_pixels": size.get("longest_edge", preprocessor.get("max_pixels", default.max_pixels)),
    }
    return Glm4vImageConfig(
        patch_size=_size({"patch_size": default.patch_size, **vision}, "patch_size", name),
        temporal_patch_size=_size(
            {"temporal_patch_size": default.temporal_patch_size, **vision}, "temporal_patch_size", name
        ),
        merge_size=_size({"spatial_merge_size": default.merge_size, **vision}, "spatial_merge_size", name),
        min_pixels=_size(pixels, "min_pixels", name),
        max_pixels=_size(pixels, "max_pixels", name),
        mean=_colour(preprocessor.get("image_mean"), default.mean),
        std=_colour(preprocessor.get("image_std"), default.std),
    )


def _colour(value: object, default: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, list) and len(value) == 3 else default


def read_section(config: JSON, key: str) -> JSON:
    """Returns an empty object where there is no such section."""
    section = config.get(key)
    return section if isinstance(section, dict) else {}


def read_token_ids(config: JSON, key: str) -> frozenset[int]:
    value = config.get(key)
    values = value if isinstance(value, list) else [value]
    return frozenset(each for each in values if isinstance(each, int))


def _size(config: JSON, key: str, name: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidCheckpoint(
            f"The config.json of the checkpoint {name} has no usable {key}; take it from the model's source."
        )
    return value


def _number(config: JSON, key: str, default: float, name: str) -> float:
    value = config.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise InvalidCheckpoint(
            f"The config.json of the checkpoint {name} has no usable {key}; take it from the model's source."
        )
    return float(value)


def _contradiction(name: str, what: str) -> InvalidCheckpoint:
    return InvalidCheckpoint(f"The config.json of the checkpoint {name} contradicts itself: {what}.")
