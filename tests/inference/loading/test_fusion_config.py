"""The config.json of fusion checkpoints: towers are optional, and errors name the section."""

import pytest

from inference.loading.config_file import read_config
from inference.loading.fusion_config import FusionCheckpointConfig
from inference.models.audio_tower import AudioConfig
from inference.models.vision_tower import VisionConfig

from .config_files import DECODER, TEXT, refusal

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
