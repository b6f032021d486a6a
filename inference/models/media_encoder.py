"""The interface of what turns pictures and recordings into rows of the decoder's input."""

from typing import Protocol

from torch import Tensor

from inference.model_card import ImageFit
from inference.stepwise import Stepwise
from inference.types import Audio, Image


class MediaEncoder(Protocol):
    """Called only with media of its `modalities`, by the thread that owns the model."""

    @property
    def modalities(self) -> frozenset[str]:
        """Of "image" and "audio"."""
        ...

    @property
    def image_fit(self) -> ImageFit | None:
        """None if it takes no pictures. Must not hold the weights, so that they can be freed."""
        ...

    def count_tokens(self, media: Image | Audio) -> int:
        """Computes nothing but sizes."""
        ...

    def grid(self, media: Image | Audio) -> tuple[int, int] | None:
        """Rows and columns of tokens, for rotary positions in two dimensions; None: as in a text."""
        ...

    def encode_stepwise(self, media: Image | Audio) -> Stepwise[Tensor]:
        """Returns (count_tokens, hidden) in the end. A piece is about a layer of a tower."""
        ...
