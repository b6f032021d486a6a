"""Glm4v's vision tower: transformers' module as a `MediaEncoder`.

Its forward runs in a greenlet. A hook after each block leaves the greenlet, and the next piece of work
enters it again. The tower holds no state of a request: the prompt's rotary positions are computed elsewhere.
"""

from functools import partial
from typing import Any

import torch
from greenlet import getcurrent, greenlet
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference.devices import is_gpu
from inference.modalities.glm4v_image import Glm4vImageConfig, fit_size, glm4v_patches
from inference.model_card import ImageFit
from inference.models import transformers_glm4v
from inference.models.layers import RMSNorm
from inference.stepwise import Stepwise
from inference.types import Audio, Image

ATTENTION_BACKENDS = [  # the first that supports the inputs
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
        for block in transformers_glm4v.blocks(tower):
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
        """Encodes one picture as the module's own forward does; a piece is a block."""
        assert isinstance(media, Image)
        height, width = self._size(media)
        weight = next(self._tower.parameters())
        patches = glm4v_patches(media.pixels, height, width, self._config, weight.device)
        patch = self._config.patch_size
        grid = torch.tensor([[1, height // patch, width // patch]], device=weight.device)
        pixels = patches.to(weight.dtype)
        flops = block_flops(self._tower, len(patches))
        forward = _Forward(lambda: transformers_glm4v.encode(self._tower, pixels, grid))
        result = _go_on(forward)
        while not forward.dead:  # a generator that is dropped ends the forward where it is
            yield flops
            result = _go_on(forward)
        return result  # type: ignore[no-any-return]  # greenlet is not typed

    def _size(self, media: Image | Audio) -> tuple[int, int]:
        assert isinstance(media, Image)
        return fit_size(media.pixels.shape[0], media.pixels.shape[1], self._config)


def _fuse_norms(tower: nn.Module) -> None:
    """Replaces root-mean-square norms with our own module: one kernel instead of seven."""
    for path, weight, eps in list(transformers_glm4v.norms(tower)):
        norm = RMSNorm(0, eps)
        norm.weight = weight
        tower.set_submodule(path, norm)


def block_flops(tower: nn.Module, count: int) -> float:
    """Floating-point operations of one of a tower's blocks on `count` patches."""
    block = next(transformers_glm4v.blocks(tower))
    matrices = [each for each in block.parameters() if each.dim() > 1]
    return 2.0 * count * (sum(each.numel() for each in matrices) + 2 * count * matrices[0].shape[1])


class _Forward(greenlet):  # type: ignore[misc]  # untyped
    """A forward that stops after each block. Hooks that run outside of one do nothing."""


def _go_on(forward: _Forward) -> Any:
    """Runs to the next pause, or to the result. On a GPU cuDNN's attention takes half of the others' time."""
    with sdpa_kernel(ATTENTION_BACKENDS, set_priority=True):
        return forward.switch()


def _pause(*_: object) -> None:
    """Returns to the greenlet that runs the forward; a forward outside of a `_Forward` goes on."""
    current = getcurrent()
    if isinstance(current, _Forward):
        current.parent.switch()
