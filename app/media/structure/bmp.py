"""BMP: run lengths, which Pillow expands in Python."""

from typing import Final

from app.errors import ImageTooLarge

MAX_RUN_LENGTH_PIXELS: Final = 4_000_000
_RUN_LENGTHS: Final = frozenset({1, 2})  # BI_RLE8, BI_RLE4
_OLD_HEADER_BYTES: Final = 12  # has neither compression nor 32-bit sizes


def check_bmp(data: bytes, max_pixels: int) -> None:
    """Raises `ImageTooLarge`."""
    if int.from_bytes(data[14:18], "little") == _OLD_HEADER_BYTES:
        return
    width = int.from_bytes(data[18:22], "little", signed=True)
    height = int.from_bytes(data[22:26], "little", signed=True)
    compression = int.from_bytes(data[30:34], "little")
    if compression in _RUN_LENGTHS and abs(width * height) > MAX_RUN_LENGTH_PIXELS:
        raise ImageTooLarge
