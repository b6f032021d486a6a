"""config.json and preprocessor_config.json of a Glm4v checkpoint, the published 9B's kind."""

from typing import Annotated

from pydantic import BeforeValidator, model_validator

from inference.loading.checkpoint import JSON
from inference.loading.config_file import ConfigFile, Size, TokenIds, as_section
from inference.loading.model_config import TextConfig
from inference.modalities.glm4v_image import Glm4vImageConfig

PICTURES = Glm4vImageConfig()  # transformers' defaults
MROPE_SECTION = (8, 12, 12)  # transformers' default
IMAGE_TOKEN_ID = 151_343  # transformers' default


class Glm4vVisionSection(ConfigFile):
    """Picture sizes in the section `vision_config`; transformers reads the rest of it."""

    patch_size: Size = PICTURES.patch_size
    temporal_patch_size: Size = PICTURES.temporal_patch_size
    spatial_merge_size: Size = PICTURES.merge_size


class Glm4vCheckpointConfig(ConfigFile):
    text_config: TextConfig
    vision_config: Annotated[Glm4vVisionSection, BeforeValidator(as_section)] = Glm4vVisionSection()
    image_token_id: TokenIds = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _complete_text(cls, config: JSON) -> JSON:
        """Defaults that transformers does not save in the section."""
        defaults = {
            "mrope_section": list(MROPE_SECTION),
            "tie_word_embeddings": config.get("tie_word_embeddings", False),
        }
        return {**config, "text_config": {**defaults, **as_section(config.get("text_config"))}}

    @property
    def image_placeholder(self) -> int:
        return next(iter(self.image_token_id or {IMAGE_TOKEN_ID}))


class PixelCounts(ConfigFile):
    shortest_edge: Size | None = None
    longest_edge: Size | None = None


Colour = tuple[float, float, float]


class Glm4vPreprocessorConfig(ConfigFile):
    """preprocessor_config.json, with pixel counts in `size` or, in older files, beside it."""

    size: Annotated[PixelCounts, BeforeValidator(as_section)] = PixelCounts()
    min_pixels: Size = PICTURES.min_pixels
    max_pixels: Size = PICTURES.max_pixels
    image_mean: Colour | None = None
    image_std: Colour | None = None

    def to_image_config(self, vision: Glm4vVisionSection) -> Glm4vImageConfig:
        return Glm4vImageConfig(
            patch_size=vision.patch_size,
            temporal_patch_size=vision.temporal_patch_size,
            merge_size=vision.spatial_merge_size,
            min_pixels=self.size.shortest_edge or self.min_pixels,
            max_pixels=self.size.longest_edge or self.max_pixels,
            mean=self.image_mean or PICTURES.mean,
            std=self.image_std or PICTURES.std,
        )
