"""config.json of a fusion checkpoint: the embedded model's kind, a decoder with towers of our own."""

from typing import Annotated, Self

from pydantic import model_validator

from inference.loading.config_file import ConfigFile, EmptyIsNone, Size, contradiction
from inference.loading.model_config import TextConfig
from inference.models.audio_tower import AUDIO_WIDTH, AudioConfig
from inference.models.vision_tower import VISUAL_WIDTH, VisionConfig


class VisionTowerConfig(ConfigFile):
    """The section `vision_config` of a fusion checkpoint."""

    hidden_size: Size
    num_layers: Size
    num_heads: Size
    intermediate_size: Size
    patch_size: Size
    merge_size: Size
    max_tokens: Size

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hidden_size * self.merge_size**2 != VISUAL_WIDTH or self.hidden_size % 4:
            raise contradiction(f"the vision tower's merged features are not {VISUAL_WIDTH} wide")
        if self.patch_size < 2 or self.patch_size.bit_count() != 1:
            raise contradiction("the vision tower's patch_size is not a power of two")
        if self.hidden_size % self.num_heads:
            raise contradiction("the vision tower's hidden_size is not a multiple of its num_heads")
        return self

    def to_vision_config(self) -> VisionConfig:
        return VisionConfig(**self.model_dump())


class AudioTowerConfig(ConfigFile):
    """The section `audio_config` of a fusion checkpoint."""

    num_mels: Size
    hidden_size: Size
    num_layers: Size
    num_heads: Size
    intermediate_size: Size
    stack_size: Size

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hidden_size * self.stack_size != AUDIO_WIDTH or self.hidden_size % 2:
            raise contradiction(f"the audio tower's stacked features are not {AUDIO_WIDTH} wide")
        if self.hidden_size % self.num_heads:
            raise contradiction("the audio tower's hidden_size is not a multiple of its num_heads")
        return self

    def to_audio_config(self) -> AudioConfig:
        return AudioConfig(**self.model_dump())


class FusionCheckpointConfig(ConfigFile):
    """A checkpoint without one of the towers does not serve its modality."""

    text_config: TextConfig
    vision_config: Annotated[VisionTowerConfig | None, EmptyIsNone] = None
    audio_config: Annotated[AudioTowerConfig | None, EmptyIsNone] = None
    model_name: Annotated[str | None, EmptyIsNone] = None
    image_token: str | None = None
    audio_token: str | None = None
