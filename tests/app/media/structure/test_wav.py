import struct

import pytest

from app.errors import InvalidAudio
from app.media.structure.wav import plain_wav

FORMAT = b"fmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF\xff\xff\xff\xffWAVE" + b"".join(chunks)


def test_a_plain_file_stays_as_it_is():
    body = b"WAVE" + FORMAT + b"data\x04\0\0\0abcd"
    data = b"RIFF" + struct.pack("<I", len(body)) + body
    assert plain_wav(data) == data


def test_other_chunks_are_dropped():
    odd = b"LIST\x03\0\0\0abc\0"  # padded to an even size
    plain = plain_wav(riff(FORMAT, b"data\x04\0\0\0abcd"))
    assert plain_wav(riff(odd, FORMAT, odd, b"data\x04\0\0\0abcd", odd)) == plain


@pytest.mark.parametrize("size", [0, 5, 2**31, 2**32 - 1])
def test_the_size_of_the_samples_becomes_what_is_there(size: int):
    data = riff(FORMAT, b"data" + struct.pack("<I", size) + b"abcd")
    assert plain_wav(data) == plain_wav(riff(FORMAT, b"data\x04\0\0\0abcd"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        riff(),
        riff(FORMAT),
        riff(b"data\x04\0\0\0abcd"),
        riff(b"data\x04\0\0\0abcd", FORMAT),
        riff(FORMAT[:4] + b"\xff\xff\xff\x7f" + FORMAT[8:], b"data\x04\0\0\0abcd"),
        riff(b"LIST\xff\xff\xff\xffINFO", FORMAT, b"data\x04\0\0\0abcd"),
    ],
)
def test_without_a_format_and_then_samples_it_is_refused(data: bytes):
    with pytest.raises(InvalidAudio):
        plain_wav(data)
