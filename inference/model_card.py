"""What a loaded model is called, and what it takes. Plain frozen dataclasses, no torch."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageFit:
    """The sizes in which the model takes pictures, so that the media decoder can shrink larger ones.

    `size(height, width)` returns the (height, width) that an upright picture is resized to. No result has
    more than `max_pixels`.
    """

    max_pixels: int
    size: Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class SpeechFit:
    """How much speech the model transcribes at once; longer recordings are cut where somebody pauses.

    Without `may_pause` it transcribes what is said until the first pause. `languages` are codes such as
    "en"; none means that they are not known.
    """

    longest_seconds: float = 30.0
    may_pause: bool = True
    languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Lengths are in tokens."""

    name: str
    context_length: int
    modalities: frozenset[str]  # of "text", "image", "audio"
    created: int = 0  # Unix seconds
    image_fit: ImageFit | None = None  # None: pictures are not resized
    speech_fit: SpeechFit = SpeechFit()
    has_reasoning: bool = False  # its chat template can ask for thoughts
    has_tools: bool = False  # it takes tools, and writes calls of them
    is_known: bool = True  # False: no remote engine has been reached, so the name is a placeholder
