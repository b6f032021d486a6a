"""GIF: the blocks before the first frame. Decoders join comments, each time copying what there is."""

from typing import Final

from app.errors import InvalidImage

MAX_EXTENSION_BLOCKS: Final = 8_192  # of at most 255 bytes each: 2 MB, as an XMP packet may be
_HEADER_BYTES: Final = 13
_EXTENSION: Final = 0x21
_FRAME: Final = 0x2C


def check_gif(data: bytes, max_pixels: int) -> None:
    """Raises `InvalidImage`. Its size in pixels is read by the decoder before memory is taken."""
    at = _HEADER_BYTES
    if len(data) > at and data[10] & 0x80:
        at += 3 << (data[10] & 7) + 1  # the global colour table
    blocks = 0
    while at < len(data) and data[at] != _FRAME:
        if data[at] != _EXTENSION:
            at += 1
            blocks += 1
        else:
            at += 2
            while at < len(data) and data[at] != 0 and blocks <= MAX_EXTENSION_BLOCKS:
                at += 1 + data[at]
                blocks += 1
            at += 1
            blocks += 1
        if blocks > MAX_EXTENSION_BLOCKS:
            raise InvalidImage
