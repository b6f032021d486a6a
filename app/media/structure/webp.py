"""WebP: canvas and frame, before libwebp takes memory for both.

https://developers.google.com/speed/webp/docs/riff_container
"""

from typing import Final

from app.errors import ImageTooLarge, InvalidImage

# Pillow's decoder holds two canvases, a frame and its copy, 4 bytes a pixel each.
MAX_WEBP_PIXELS: Final = 18_000_000
MAX_CHUNKS: Final = 10_000
_RIFF_HEADER_BYTES: Final = 12
_ANIMATED: Final = 0x02
Size = tuple[int, int]


def check_webp(data: bytes, max_pixels: int) -> None:
    """Raises `InvalidImage` and `ImageTooLarge`."""
    canvas: Size | None = None
    frame: Size | None = None
    is_animated = False
    at = _RIFF_HEADER_BYTES
    for _ in range(MAX_CHUNKS):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(name) < 4:
            break
        content = data[at + 8 : at + 18]
        if name == b"VP8X":
            canvas = (_number(content[4:7]) + 1, _number(content[7:10]) + 1)
            is_animated = bool(content[0] & _ANIMATED)
        elif name in (b"VP8 ", b"VP8L") and frame is None:
            frame = _frame_size(name, content)
        at += 8 + length + length % 2
    else:
        raise InvalidImage
    size = canvas or frame
    if size is None or (frame is not None and not is_animated and frame != size):
        raise InvalidImage
    if size[0] * size[1] > min(max_pixels, MAX_WEBP_PIXELS):
        raise ImageTooLarge


def _frame_size(name: bytes, content: bytes) -> Size:
    if name == b"VP8L":
        bits = _number(content[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _number(content[6:8]) & 0x3FFF, _number(content[8:10]) & 0x3FFF


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
