"""Glm4v's vision tower: transformers' own module behind our interface.

Nothing of a request stays on it: rotary positions are computed per prompt, elsewhere.
"""

import torch
from torch import Tensor, nn

from inference.errors import InvalidCheckpoint
from inference.loading.torchaudio_shim import import_torchaudio
from inference.modalities.glm4v_image import Glm4vImageConfig, fit_size, glm4v_patches
from inference.types import Audio, Image


class Glm4vVision:
    """A `MediaEncoder` for pictures."""

    modalities = frozenset({"image"})

    def __init__(self, tower: nn.Module, config: Glm4vImageConfig) -> None:
        self._tower = tower
        self._config = config

    def count_tokens(self, media: Image | Audio) -> int:
        rows, columns = self.grid(media)
        return rows * columns

    def grid(self, media: Image | Audio) -> tuple[int, int]:
        height, width = self._size(media)
        return height // self._config.cell_size, width // self._config.cell_size

    def encode(self, media: Image | Audio) -> Tensor:
        assert isinstance(media, Image)
        height, width = self._size(media)
        patches = glm4v_patches(media.pixels, height, width, self._config)
        weight = next(self._tower.parameters())
        patch = self._config.patch_size
        grid = torch.tensor([[1, height // patch, width // patch]], device=weight.device)
        features = self._tower(patches.to(weight.device, weight.dtype), grid_thw=grid)
        return features.pooler_output  # type: ignore[no-any-return]  # transformers' own

    def _size(self, media: Image | Audio) -> tuple[int, int]:
        assert isinstance(media, Image)
        return fit_size(media.pixels.shape[0], media.pixels.shape[1], self._config)


def build_tower(config: dict[str, object]) -> nn.Module:
    """Returns the tower without storage, from `vision_config`. Raises `InvalidCheckpoint`."""
    import_torchaudio()
    from transformers import Glm4vVisionConfig  # late: seconds that other architectures need not pay
    from transformers.models.glm4v.modeling_glm4v import Glm4vVisionModel

    try:
        with torch.device("meta"):
            tower: nn.Module = Glm4vVisionModel(Glm4vVisionConfig.from_dict(config))
    except Exception as error:  # of any kind: transformers' validation has no base class
        raise InvalidCheckpoint(
            "The vision_config in config.json is not one of Glm4v; take it from the model's source."
        ) from error
    return tower.eval()


def restore_frequencies(tower: nn.Module, device: torch.device) -> None:
    """Fills the buffers that no checkpoint holds."""
    embedding = tower.get_submodule("rotary_pos_emb")
    tower.set_submodule("rotary_pos_emb", type(embedding)(tower.config).to(device))
