"""Whatever the bytes are, decoding ends in media or in a refusal, and in nothing else."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from app.errors import GatewayError, InvalidMedia
from app.media.codecs.base64_text import decode_base64
from app.media.sniff import sniff

from .conftest import AUDIO_KINDS, decode_pixels, decode_samples, encode_picture, recording

MAX_PIXELS = 1_000_000
MAX_SECONDS = 5
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP")
NOISE = PillowImage.fromarray(np.random.default_rng(3).integers(0, 255, (24, 40, 3), np.uint8))
STARTS = st.sampled_from(
    [
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"RIFF\x40\0\0\0WEBPVP8X",
        b"RIFF\x40\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypheic",
        b"\0\0\0\x18ftypM4A ",
        b"\0\0\0\x18ftypavif",
        b"GIF89a",
        b"OggS\0\x02",
        b"\x1aE\xdf\xa3",
        b"#!AMR\n",
        b"fLaC\0\0\0\x22",
        b"ID3\x04\0",
        b"\xff\xfb",
        b"\xff\xf1",
    ]
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
pytestmark = [pytest.mark.filterwarnings("ignore:::PIL"), pytest.mark.slow]


def decode_both_ways(data: bytes) -> None:
    with contextlib.suppress(InvalidMedia):
        pixels = decode_pixels(data, MAX_PIXELS)
        assert pixels.dtype == np.uint8
        assert pixels.shape[2:] == (3,)
        assert 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS
    with contextlib.suppress(InvalidMedia):
        samples = decode_samples(data, MAX_SECONDS)
        assert samples.dtype == np.float32
        assert 0 < len(samples) <= (MAX_SECONDS + 1) * 16_000
        assert np.abs(samples).max() <= 1.0


@FUZZ
@given(st.binary(max_size=400))
def test_random_bytes_are_decoded_or_refused(data: bytes):
    decode_both_ways(data)


@FUZZ
@given(STARTS, st.binary(max_size=400))
def test_random_bytes_after_a_known_beginning_are_decoded_or_refused(start: bytes, rest: bytes):
    assert sniff(start + rest) is not None or start in (b"\xff\xfb", b"\xff\xf1")
    decode_both_ways(start + rest)


@st.composite
def mutations(draw: st.DrawFn, original: bytes) -> bytes:
    """A file cut short, with bytes changed, a piece taken out or doubled."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "cut", "remove", "double"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[max(at, 16) :]
            case "remove":
                del data[at : at + draw(st.integers(1, 64))]
            case "double":
                data[at:at] = data[at : at + 64]
    return bytes(data)


@pytest.mark.parametrize("pillow_format", PICTURE_FORMATS)
def test_damaged_pictures_are_decoded_or_refused(pillow_format: str):
    original = encode_picture(NOISE, pillow_format)

    @FUZZ
    @given(mutations(original))
    def check(data: bytes) -> None:
        decode_both_ways(data)

    check()


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_damaged_recordings_are_decoded_or_refused(kind: str):
    original = recording(kind, 0.4)

    @FUZZ
    @given(mutations(original))
    def check(data: bytes) -> None:
        decode_both_ways(data)

    check()


@FUZZ
@given(st.text(max_size=300) | st.text("ABab01+/=", max_size=300), st.integers(0, 200))
def test_any_text_is_base64_within_the_bound_or_refused(text: str, max_bytes: int):
    with contextlib.suppress(GatewayError):
        assert len(decode_base64(text.encode("utf-8", "surrogatepass"), max_bytes)) <= max_bytes
