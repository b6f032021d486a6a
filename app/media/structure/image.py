"""Which check a picture's format has."""

from collections.abc import Callable
from typing import Final

from app.media.structure.bmp import check_bmp
from app.media.structure.gif import check_gif
from app.media.structure.heif import check_heif
from app.media.structure.jpeg import check_jpeg
from app.media.structure.png import check_png
from app.media.structure.webp import check_webp

_CHECKS: Final[dict[str, Callable[[bytes, int], None]]] = {
    "jpeg": check_jpeg,
    "png": check_png,
    "webp": check_webp,
    "heic": check_heif,
    "avif": check_heif,
    "gif": check_gif,
    "bmp": check_bmp,
}


def check_image(media_format: str, data: bytes, max_pixels: int) -> None:
    """Raises `InvalidImage` and `ImageTooLarge`, for broken bytes also `struct.error`."""
    _CHECKS[media_format](data, max_pixels)
