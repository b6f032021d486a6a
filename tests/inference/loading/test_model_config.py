"""config.json files become configurations, and one sentence names the field that is not valid."""

from typing import Any

import pytest

from inference.errors import InvalidCheckpoint
from inference.loading.config_file import ConfigFile, read_config
from inference.loading.fusion_config import FusionCheckpointConfig
from inference.loading.glm4v_config import IMAGE_TOKEN_ID, Glm4vCheckpointConfig, Glm4vPreprocessorConfig
from inference.loading.model_config import ArchitectureConfig, EndConfig, TextConfig
from inference.modalities.glm4v_image import Glm4vImageConfig
from inference.models.audio_tower import AudioConfig
from inference.models.config import DecoderConfig
from inference.models.vision_tower import VisionConfig

TEXT = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
}
VISION = {
    "hidden_size": 192,
    "num_layers": 5,
    "num_heads": 6,
    "intermediate_size": 576,
    "patch_size": 16,
    "merge_size": 2,
    "max_tokens": 256,
}
AUDIO = {
    "num_mels": 80,
    "hidden_size": 256,
    "num_layers": 4,
    "num_heads": 4,
    "intermediate_size": 512,
    "stack_size": 2,
}
FUSION = {"text_config": TEXT, "vision_config": VISION, "audio_config": AUDIO}
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


def decoder(**changes: object) -> DecoderConfig:
    return read_config(TextConfig, TEXT | changes, "tiny").to_decoder_config()


def refusal(kind: type[ConfigFile], value: dict[str, Any], file_name: str = "config.json") -> str:
    with pytest.raises(InvalidCheckpoint) as caught:
        read_config(kind, value, "tiny", file_name)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_transformers_names_and_defaults_are_read() -> None:
    assert decoder() == DECODER
    assert decoder(unknown=1, torch_dtype="bfloat16") == DECODER
    assert decoder(head_dim=None) == DECODER
    assert decoder(head_dim=32).head_dim == 32


@pytest.mark.parametrize("section", ["rope_parameters", "rope_scaling"])
def test_rotary_fields_are_read_from_either_section_or_beside_it(section: str) -> None:
    rope = {"rope_type": "default", "rope_theta": 5_000.0, "partial_rotary_factor": 0.25}
    expected = decoder(rope_theta=5_000.0, partial_rotary_factor=0.25)
    assert expected.rope_theta == 5_000.0
    assert decoder(**{section: rope}) == expected
    assert decoder(rope_theta=1.0, partial_rotary_factor=1.0, **{section: rope}) == expected
    assert decoder(**{section: None}) == DECODER
    assert decoder(**{section: rope | {"mrope_section": [1, 0, 1]}}).mrope_section == (1, 0, 1)


@pytest.mark.parametrize("value", [None, 0, -1, True, 1.5, "64", [64], {}])
@pytest.mark.parametrize("field", TEXT)
def test_a_size_that_is_no_positive_integer_is_named(field: str, value: object) -> None:
    expected = (
        f"The config.json of the checkpoint tiny has no usable {field}; take it from the model's source."
    )
    assert refusal(TextConfig, TEXT | {field: value}) == expected


@pytest.mark.parametrize("field", TEXT)
def test_a_size_that_is_missing_is_named(field: str) -> None:
    message = refusal(TextConfig, {name: value for name, value in TEXT.items() if name != field})
    assert f"has no usable {field};" in message


@pytest.mark.parametrize("value", [None, 0, -1.0, True, "1", float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["rms_norm_eps", "rope_theta", "partial_rotary_factor"])
def test_a_number_that_is_not_positive_is_named(field: str, value: object) -> None:
    assert f"has no usable {field};" in refusal(TextConfig, TEXT | {field: value})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rope_scaling": {"type": "linear"}}, "scales its rotary positions (linear); only plain ones"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "scales its rotary positions (yarn); only plain ones"),
        ({"hidden_act": "gelu"}, "activates by gelu; only silu is served"),
        (
            {"num_attention_heads": 3, "head_dim": 16},
            "contradicts itself: num_attention_heads is not a multiple",
        ),
        ({"head_dim": 18}, "contradicts itself: the rotary part of head_dim is odd"),
        ({"mrope_section": [1, 1, 1]}, "contradicts itself: mrope_section does not add up"),
        ({"mrope_section": "1"}, "has no usable mrope_section"),
    ],
)
def test_what_is_not_served_is_refused_by_name(changes: dict[str, object], sentence: str) -> None:
    assert sentence in refusal(TextConfig, TEXT | changes)


def test_the_towers_of_a_fusion_checkpoint_are_read_where_there_are_any() -> None:
    config = read_config(FusionCheckpointConfig, FUSION, "tiny")
    assert config.vision_config is not None
    assert config.audio_config is not None
    assert config.vision_config.to_vision_config() == VisionConfig(**VISION)
    assert config.audio_config.to_audio_config() == AudioConfig(**AUDIO)
    assert config.text_config.to_decoder_config() == DECODER
    bare = read_config(FusionCheckpointConfig, {"text_config": TEXT, "vision_config": {}}, "tiny")
    assert (bare.vision_config, bare.audio_config, bare.model_name) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"text_config": None}, "has no usable text_config.vocab_size;"),
        ({"vision_config": VISION | {"patch_size": 0}}, "has no usable vision_config.patch_size;"),
        ({"audio_config": AUDIO | {"num_mels": None}}, "has no usable audio_config.num_mels;"),
        (
            {"vision_config": VISION | {"merge_size": 3}},
            "the vision tower's merged features are not 768 wide",
        ),
        (
            {"vision_config": VISION | {"patch_size": 12}},
            "the vision tower's patch_size is not a power of two",
        ),
        ({"vision_config": VISION | {"num_heads": 5}}, "the vision tower's hidden_size is not a multiple"),
        ({"audio_config": AUDIO | {"stack_size": 3}}, "the audio tower's stacked features are not 512 wide"),
        ({"audio_config": AUDIO | {"num_heads": 5}}, "the audio tower's hidden_size is not a multiple"),
    ],
)
def test_a_section_that_is_not_valid_is_named(changes: dict[str, object], sentence: str) -> None:
    assert sentence in refusal(FusionCheckpointConfig, FUSION | changes)


def test_glm4v_has_transformers_defaults() -> None:
    text = TEXT | {"hidden_size": 512}  # heads of 128 dimensions, half of which are rotary
    config = read_config(Glm4vCheckpointConfig, {"text_config": text, "tie_word_embeddings": True}, "tiny")
    found = config.text_config.to_decoder_config()
    assert (found.mrope_section, found.tie_word_embeddings) == ((8, 12, 12), True)
    assert config.image_placeholder == IMAGE_TOKEN_ID
    named = {"text_config": text | {"tie_word_embeddings": False}, "tie_word_embeddings": True}
    config = read_config(Glm4vCheckpointConfig, named | {"image_token_id": 7}, "tiny")
    assert not config.text_config.tie_word_embeddings
    assert config.image_placeholder == 7


@pytest.mark.parametrize(
    ("preprocessor", "changes"),
    [
        ({}, {}),
        ({"size": None, "image_mean": None}, {}),
        ({"min_pixels": 1000, "max_pixels": 9000}, {"min_pixels": 1000, "max_pixels": 9000}),
        (
            {"size": {"shortest_edge": 2000, "longest_edge": 8000}, "min_pixels": 1},
            {"min_pixels": 2000, "max_pixels": 8000},
        ),
        (
            {"image_mean": [0.5, 0.5, 0.5], "image_std": [1, 1, 1]},
            {"mean": (0.5, 0.5, 0.5), "std": (1.0, 1.0, 1.0)},
        ),
    ],
)
def test_glm4v_pictures_are_read(preprocessor: dict[str, object], changes: dict[str, Any]) -> None:
    text = {
        "text_config": TEXT | {"hidden_size": 512},
        "vision_config": {"patch_size": 8, "spatial_merge_size": 4},
    }
    vision = read_config(Glm4vCheckpointConfig, text, "tiny").vision_config
    found = read_config(Glm4vPreprocessorConfig, preprocessor, "tiny").to_image_config(vision)
    assert found == Glm4vImageConfig(patch_size=8, merge_size=4, **changes)


def test_the_file_that_is_not_valid_is_named() -> None:
    file = "preprocessor_config.json"
    message = refusal(Glm4vPreprocessorConfig, {"size": {"longest_edge": "large"}}, file)
    assert message.startswith(
        "The preprocessor_config.json of the checkpoint tiny has no usable size.longest_edge;"
    )
    assert "has no usable image_mean" in refusal(Glm4vPreprocessorConfig, {"image_mean": [0.5, 0.5]}, file)


@pytest.mark.parametrize(
    ("value", "token_ids"), [(None, set()), (5, {5}), ([5, 6, 5], {5, 6}), ([], set()), ([-1], {-1})]
)
def test_token_ids_are_one_or_a_list(value: object, token_ids: set[int]) -> None:
    assert read_config(EndConfig, {"eos_token_id": value}, "tiny").eos_token_id == token_ids


@pytest.mark.parametrize("value", ["5", [True], [5.5], {"a": 5}])
def test_other_token_ids_are_refused(value: object) -> None:
    assert "has no usable eos_token_id;" in refusal(EndConfig, {"eos_token_id": value})


@pytest.mark.parametrize("value", [None, "Glm4ForCausalLM", {}, 4])
def test_architectures_that_are_no_list_are_none(value: object) -> None:
    assert read_config(ArchitectureConfig, {"architectures": value}, "tiny").architectures == ()
