"""JPEG: the segments before the first scan, and what its scans cost."""

import math
import re
from typing import Final

from app.errors import ImageTooLarge, InvalidImage

MAX_SCANS: Final = 100  # encoders write about ten
MAX_SCANNED_PIXELS: Final = 600_000_000  # each scan is a pass over all pixels
MAX_COEFFICIENT_BYTES: Final = 200_000_000  # of a progressive picture, whose decoder keeps them all
MAX_SEGMENTS: Final = 2_000  # a depth map in XMP takes hundreds
MAX_EXIF_SEGMENTS: Final = 16  # decoders join them, each time copying what there is
MAX_STRAY_BYTES: Final = 4_096  # between segments; decoders read them one by one
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_MARKER_IN_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # neither stuffed, nor a restart, nor fill
_APP1: Final = 0xE1
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, whatever the process
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})


def check_jpeg(data: bytes, max_pixels: int) -> None:
    """Raises `InvalidImage`, and `ImageTooLarge` for scans and coefficients.

    The decoder itself reads the size in pixels before it takes memory for them.
    """
    pixels = 0
    at, stray, exif_segments = 2, 0, 0
    for _ in range(MAX_SEGMENTS):
        begin, at = at, _next_marker(data, at)
        stray += at - begin
        if stray > MAX_STRAY_BYTES:
            raise InvalidImage
        marker = data[at + 1]
        if marker == _START_OF_SCAN:
            if _count_scans(data, at) * pixels > MAX_SCANNED_PIXELS:
                raise ImageTooLarge
            return
        at += 2
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _APP1 and data[at + 2 : at + 6] == b"Exif":
            exif_segments += 1
            if exif_segments > MAX_EXIF_SEGMENTS:
                raise InvalidImage
        if marker in _FRAMES:
            pixels = _frame_pixels(data[at + 2 : at + 20], marker in _PROGRESSIVE)
        at += max(2, int.from_bytes(data[at : at + 2]))
    raise InvalidImage


def _next_marker(data: bytes, at: int) -> int:
    """Where the next marker begins. Raises `InvalidImage` when it is too far away, or there is none."""
    for begin in range(at, min(at + MAX_STRAY_BYTES, len(data) - 2) + 1):
        if data[begin] == 0xFF and 0x00 < data[begin + 1] < 0xFF:
            return begin
    raise InvalidImage


def _count_scans(data: bytes, at: int) -> int:
    """Up to the end of the image: phones append videos. `at` is at the first scan. Raises `InvalidImage`."""
    scans = 0
    for _ in range(MAX_SEGMENTS):
        marker = data[at + 1]
        if marker == _END_OF_IMAGE:
            return scans
        scans += marker == _START_OF_SCAN
        if scans > MAX_SCANS:
            raise InvalidImage
        found = _MARKER_IN_SCAN.search(data, at + 2 + int.from_bytes(data[at + 2 : at + 4]))
        if found is None:
            return scans
        at = found.start()
    raise InvalidImage


def _frame_pixels(frame: bytes, is_progressive: bool) -> int:
    """`frame` is a start-of-frame segment's content. Raises `ImageTooLarge` for its coefficients."""
    if len(frame) < 9:
        raise InvalidImage
    pixels = int.from_bytes(frame[1:3]) * int.from_bytes(frame[3:5])
    samplings = [(byte >> 4 or 1, byte & 15 or 1) for byte in frame[7::3][: frame[5]]]
    samples = sum(map(math.prod, samplings)) / math.prod(map(max, zip(*samplings, strict=True)))  # per pixel
    if is_progressive and 2 * pixels * samples > MAX_COEFFICIENT_BYTES:
        raise ImageTooLarge
    return pixels
