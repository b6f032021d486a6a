"""ID3v2 tags in front of MPEG audio. FFmpeg's time for them grows with the square of their number."""

from typing import Final

_HEADER_BYTES: Final = 10
_HAS_FOOTER: Final = 0x10


def without_id3(data: bytes) -> bytes:
    """The file without the tags at its beginning; a length that reaches past the end leaves nothing."""
    at = 0
    while data[at : at + 3] == b"ID3" and at + _HEADER_BYTES <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += _HEADER_BYTES + size + (_HEADER_BYTES if data[at + 5] & _HAS_FOOTER else 0)
    if at:
        return data[at:].lstrip(b"\0")  # padding that some taggers leave
    return data
