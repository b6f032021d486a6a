"""JPEG: the segments before the first scan, and what its scans cost."""

import math
from typing import Final

from app.errors import ImageTooLarge, InvalidImage

MAX_SCANS: Final = 100  # encoders write about ten
MAX_SCANNED_PIXELS: Final = 600_000_000  # each scan is a pass over all pixels
MAX_COEFFICIENT_BYTES: Final = 200_000_000  # of a progressive picture, whose decoder keeps them all
MAX_SEGMENTS: Final = 2_000  # a depth map in XMP takes hundreds
MAX_EXIF_SEGMENTS: Final = 16  # decoders join them, each time copying what there is
MAX_STRAY_BYTES: Final = 4_096  # between segments; decoders read them one by one
_START_OF_SCAN: Final = b"\xff\xda"
_APP1: Final = 0xE1
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, whatever the process
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})


def check_jpeg(data: bytes, max_pixels: int) -> None:
    """Raises `InvalidImage`, and `ImageTooLarge` for scans and coefficients.

    The decoder itself reads the size in pixels before it takes memory for them.
    """
    scans = data.count(_START_OF_SCAN)
    if scans > MAX_SCANS:
        raise InvalidImage
    at, stray, exif_segments = 2, 0, 0
    for _ in range(MAX_SEGMENTS):
        begin, at = at, _next_marker(data, at)
        stray += at - begin
        if stray > MAX_STRAY_BYTES:
            raise InvalidImage
        marker = data[at + 1]
        if marker == _START_OF_SCAN[1]:
            return
        at += 2
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _APP1 and data[at + 2 : at + 6] == b"Exif":
            exif_segments += 1
            if exif_segments > MAX_EXIF_SEGMENTS:
                raise InvalidImage
        if marker in _FRAMES:
            _check_frame(data[at + 2 : at + 20], marker in _PROGRESSIVE, scans)
        at += max(2, int.from_bytes(data[at : at + 2]))
    raise InvalidImage


def _next_marker(data: bytes, at: int) -> int:
    """Where the next marker begins. Raises `InvalidImage` when it is too far away, or there is none."""
    for begin in range(at, min(at + MAX_STRAY_BYTES, len(data) - 2) + 1):
        if data[begin] == 0xFF and 0x00 < data[begin + 1] < 0xFF:
            return begin
    raise InvalidImage


def _check_frame(frame: bytes, is_progressive: bool, scans: int) -> None:
    """`frame` is a start-of-frame segment's content. Raises `ImageTooLarge`."""
    if len(frame) < 9:
        raise InvalidImage
    pixels = int.from_bytes(frame[1:3]) * int.from_bytes(frame[3:5])
    samplings = [(byte >> 4 or 1, byte & 15 or 1) for byte in frame[7::3][: frame[5]]]
    samples = sum(map(math.prod, samplings)) / math.prod(map(max, zip(*samplings, strict=True)))  # per pixel
    if scans * pixels > MAX_SCANNED_PIXELS:
        raise ImageTooLarge
    if is_progressive and 2 * pixels * samples > MAX_COEFFICIENT_BYTES:
        raise ImageTooLarge
