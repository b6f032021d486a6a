"""Glm4v's vision tower: transformers' own module behind our interface.

Its forward runs in a greenlet, which hooks behind its blocks leave and which is entered again for the
next block. Nothing of a request stays on it: the prompt's rotary positions are computed elsewhere.
"""

from functools import partial
from typing import Any

import torch
from greenlet import getcurrent, greenlet
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference.devices import is_gpu
from inference.errors import InvalidCheckpoint
from inference.modalities.glm4v_image import Glm4vImageConfig, fit_size, glm4v_patches
from inference.model_card import ImageFit
from inference.models.layers import RMSNorm
from inference.stepwise import Stepwise
from inference.torchaudio_shim import import_torchaudio
from inference.types import Audio, Image

ATTENTION_BACKENDS = [  # the first that can
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]


class Glm4vVision:
    """A `MediaEncoder` for pictures."""

    modalities = frozenset({"image"})

    def __init__(self, tower: nn.Module, config: Glm4vImageConfig) -> None:
        self._tower = tower
        self._config = config
        if is_gpu(next(tower.parameters()).device):
            _fuse_norms(tower)
        for block in tower.get_submodule("blocks").children():
            block.register_forward_hook(_pause)

    @property
    def image_fit(self) -> ImageFit:
        max_pixels = self._config.max_pixels // self._config.temporal_patch_size
        return ImageFit(max_pixels, partial(fit_size, config=self._config))

    def count_tokens(self, media: Image | Audio) -> int:
        rows, columns = self.grid(media)
        return rows * columns

    def grid(self, media: Image | Audio) -> tuple[int, int]:
        height, width = self._size(media)
        return height // self._config.cell_size, width // self._config.cell_size

    def encode_stepwise(self, media: Image | Audio) -> Stepwise[Tensor]:
        """As the module's own forward on one picture."""
        assert isinstance(media, Image)
        height, width = self._size(media)
        weight = next(self._tower.parameters())
        patches = glm4v_patches(media.pixels, height, width, self._config, weight.device)
        patch = self._config.patch_size
        grid = torch.tensor([[1, height // patch, width // patch]], device=weight.device)
        pixels = patches.to(weight.dtype)
        flops = block_flops(self._tower, len(patches))
        forward = _Forward(lambda: self._tower(pixels, grid_thw=grid).pooler_output)
        result = _go_on(forward)
        while not forward.dead:  # one that is dropped ends where it stands
            yield flops
            result = _go_on(forward)
        return result  # type: ignore[no-any-return]  # transformers' own

    def _size(self, media: Image | Audio) -> tuple[int, int]:
        assert isinstance(media, Image)
        return fit_size(media.pixels.shape[0], media.pixels.shape[1], self._config)


def _fuse_norms(tower: nn.Module) -> None:
    """Gives root-mean-square norms our own module: one kernel, where transformers' takes seven."""
    for path, module in list(tower.named_modules()):
        if type(module).__name__ == "Glm4vRMSNorm":
            norm = RMSNorm(0, module.variance_epsilon)
            norm.weight = module.weight
            tower.set_submodule(path, norm)


def block_flops(tower: nn.Module, count: int) -> float:
    """Floating-point operations of one of a tower's blocks on so many patches."""
    block = next(iter(tower.get_submodule("blocks").children()))
    matrices = [each for each in block.parameters() if each.dim() > 1]
    return 2.0 * count * (sum(each.numel() for each in matrices) + 2 * count * matrices[0].shape[1])


class _Forward(greenlet):  # type: ignore[misc]  # untyped
    """A forward that stops behind each block. What else runs in greenlets does not stop."""


def _go_on(forward: _Forward) -> Any:
    """To the next pause, or to the result. On a GPU cuDNN's attention takes half as long as the others."""
    with sdpa_kernel(ATTENTION_BACKENDS, set_priority=True):
        return forward.switch()


def _pause(*_: object) -> None:
    """Back to who drives the forward; without a driver it goes on."""
    current = getcurrent()
    if isinstance(current, _Forward):
        current.parent.switch()


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
