"""PNG: how many chunks there are, since decoders read each by itself."""

from typing import Final

from app.errors import InvalidImage

MAX_CHUNKS: Final = 20_000  # 25 MB in pieces of 8 KiB, as libpng writes them, are 3,200
MAX_OTHER_CHUNKS: Final = 1_000  # all but the pixels: text, profiles, times
_SIGNATURE_BYTES: Final = 8
_CHUNK_BYTES: Final = 12  # length, name, checksum


def check_png(data: bytes, max_pixels: int) -> None:
    """Raises `InvalidImage`. Its size in pixels is read by the decoder before memory is taken."""
    at, others = _SIGNATURE_BYTES, 0
    for _ in range(MAX_CHUNKS):
        name = data[at + 4 : at + 8]
        if len(name) < 4 or name == b"IEND":
            return
        if name != b"IDAT":
            others += 1
            if others > MAX_OTHER_CHUNKS:
                break
        at += _CHUNK_BYTES + int.from_bytes(data[at : at + 4])
    raise InvalidImage
