"""Ogg: how many comments its header has. FFmpeg's time for them grows with the square of their number.

RFC 3533 (pages) and the Vorbis comment header, which Opus and FLAC share.
"""

from collections.abc import Iterator
from typing import Final

from app.errors import InvalidAudio

MAX_COMMENTS: Final = 1_000
MAX_HEADERS: Final = 64  # of streams that follow each other in one file
_PAGE_HEADER_BYTES: Final = 27
_SIGNATURES: Final = (b"OpusTags", b"\x03vorbis", b"OVP80\x02 ")
_FLAC: Final = b"\x7fFLAC"
_FLAC_COMMENTS: Final = (b"\x04", b"\x84")  # a metadata block of FLAC, the last one or not


def check_ogg(data: bytes) -> None:
    """Raises `InvalidAudio`."""
    headers = 0
    is_flac = False
    for body in _page_bodies(data):
        is_flac = is_flac or data.startswith(_FLAC, body)
        skipped = _signature_bytes(data, body, is_flac)
        if skipped is None:
            continue
        headers += 1
        at = body + skipped
        at += 4 + int.from_bytes(data[at : at + 4], "little")  # the vendor's name
        if int.from_bytes(data[at : at + 4], "little") > MAX_COMMENTS or headers > MAX_HEADERS:
            raise InvalidAudio


def _signature_bytes(data: bytes, body: int, is_flac: bool) -> int | None:
    for signature in _SIGNATURES:
        if data.startswith(signature, body):
            return len(signature)
    return 4 if is_flac and data[body : body + 1] in _FLAC_COMMENTS else None


def _page_bodies(data: bytes) -> Iterator[int]:
    """The offset of each page's content."""
    at = 0
    while data.startswith(b"OggS", at) and at + _PAGE_HEADER_BYTES <= len(data):
        segments = data[at + 26]
        begin = at + _PAGE_HEADER_BYTES + segments
        if not data[at + 5] & 1:  # 1: continues the packet of the previous page
            yield begin
        at = begin + sum(data[at + _PAGE_HEADER_BYTES : begin])
