"""What turns pictures and recordings into rows of the decoder's input, whatever the architecture."""

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
        """None where it takes no pictures. Does not hold the weights, so they can be freed."""
        ...

    def count_tokens(self, media: Image | Audio) -> int:
        """Known before anything is computed."""
        ...

    def grid(self, media: Image | Audio) -> tuple[int, int] | None:
        """Rows and columns of tokens, where rotary positions follow them; None: as in a text."""
        ...

    def encode_stepwise(self, media: Image | Audio) -> Stepwise[Tensor]:
        """Results in (count_tokens, hidden). A piece is about a layer of a tower."""
        ...
