"""The config.json and preprocessor_config.json of Glm4v checkpoints."""

from typing import Any

import pytest

from inference.loading.config_file import read_config
from inference.loading.glm4v_config import IMAGE_TOKEN_ID, Glm4vCheckpointConfig, Glm4vPreprocessorConfig
from inference.modalities.glm4v_image import Glm4vImageConfig

from .config_files import TEXT, refusal


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


@pytest.mark.parametrize("section", [{}, {"vision_config": None}, {"vision_config": {}}])
def test_a_vision_section_may_be_missing(section: dict[str, Any]) -> None:
    text = {"text_config": TEXT | {"hidden_size": 512}}
    vision = read_config(Glm4vCheckpointConfig, text | section, "tiny").vision_config
    found = read_config(Glm4vPreprocessorConfig, {}, "tiny").to_image_config(vision)
    assert found == Glm4vImageConfig()


def test_the_file_that_is_not_valid_is_named() -> None:
    file = "preprocessor_config.json"
    message = refusal(Glm4vPreprocessorConfig, {"size": {"longest_edge": "large"}}, file)
    assert message.startswith(
        "The preprocessor_config.json of the checkpoint tiny has no usable size.longest_edge;"
    )
    assert "has no usable image_mean" in refusal(Glm4vPreprocessorConfig, {"image_mean": [0.5, 0.5]}, file)
