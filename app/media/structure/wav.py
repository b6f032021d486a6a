"""A WAV file reduced to what it must have: the format and the samples, with sizes that are true.

FFmpeg believes the size of every other chunk: one that claims 2 GB makes it take that memory.
"""

import struct

from app.errors import InvalidAudio

_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_FORMAT_BYTES = range(16, 41)  # plain to extensible


def plain_wav(data: bytes) -> bytes:
    """Sizes that are wrong, as recorders that cannot seek leave them, become what is there.

    Raises `InvalidAudio`.
    """
    format_chunk: bytes | None = None
    at = _RIFF_HEADER_BYTES
    while at + _CHUNK_HEADER_BYTES <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += _CHUNK_HEADER_BYTES
        if name == b"fmt " and size in _FORMAT_BYTES:
            format_chunk = data[at : at + size]
        if name == b"data" and format_chunk is not None:
            is_unknown = size == 0  # written before the recording ended
            return _wav(format_chunk, data[at:] if is_unknown else data[at : at + size])
        at += size + size % 2  # chunks are padded to even sizes
    raise InvalidAudio


def _wav(format_chunk: bytes, samples: bytes) -> bytes:
    body = b"WAVE" + _chunk(b"fmt ", format_chunk) + _chunk(b"data", samples)
    return _chunk(b"RIFF", body)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
