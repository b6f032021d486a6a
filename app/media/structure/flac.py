"""FLAC reduced to its stream information and frames: comments and pictures cost time and are not heard.

RFC 9639, section 8.
"""

from typing import Final

from app.errors import InvalidAudio

_STREAM_INFO: Final = 0
_LAST: Final = 0x80
_HEADER_BYTES: Final = 4


def plain_flac(data: bytes) -> bytes:
    """Raises `InvalidAudio`."""
    stream_info: bytes | None = None
    at = _HEADER_BYTES
    while at + _HEADER_BYTES <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4])
        at += _HEADER_BYTES
        if kind & ~_LAST == _STREAM_INFO and stream_info is None:
            stream_info = data[at : at + size]
        at += size
        if kind & _LAST:
            break
    if stream_info is None or at >= len(data):
        raise InvalidAudio
    return b"fLaC" + bytes([_LAST | _STREAM_INFO]) + len(stream_info).to_bytes(3) + stream_info + data[at:]
