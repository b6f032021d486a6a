"""Builds every tower, and the speech recogniser, from a checkpoint's configuration.

All of them are built without storage. `inference/loading/weights.py` fills them.
"""

from torch import nn

from inference.errors import InvalidCheckpoint
from inference.models import transformers_glm4v, transformers_whisper
from inference.models.audio_tower import AudioConfig
from inference.models.fusion import Fusion
from inference.models.on_meta import build_on_meta
from inference.models.vision_tower import VisionConfig


def build_fusion(hidden_size: int, vision: VisionConfig | None, audio: AudioConfig | None) -> Fusion:
    """The embedded model's vision and audio towers, with their projections to `hidden_size`."""
    return build_on_meta(lambda: Fusion(hidden_size, vision, audio))


def build_glm4v_tower(config: dict[str, object]) -> nn.Module:
    """The vision tower of Glm4v, from `vision_config`. Raises `InvalidCheckpoint`."""
    try:
        return build_on_meta(lambda: transformers_glm4v.make_module(config))
    except Exception as error:  # of any class: transformers' validation has no base class
        raise InvalidCheckpoint(
            "The vision_config in config.json is not one of Glm4v; take it from the model's source."
        ) from error


def build_whisper(config: dict[str, object]) -> nn.Module:
    """The encoder and decoder of Whisper, from config.json. Raises `InvalidCheckpoint`."""
    try:
        return build_on_meta(lambda: transformers_whisper.make_module(config))
    except Exception as error:  # of any class: transformers' validation has no base class
        raise InvalidCheckpoint(
            "The config.json of the speech recognition model is not one of Whisper; get it again."
        ) from error
