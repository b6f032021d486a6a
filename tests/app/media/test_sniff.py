import pytest
from PIL import Image as PillowImage

from app.media.sniff import sniff

from .conftest import AUDIO_KINDS, encode_picture, recording


@pytest.mark.parametrize(
    ("pillow_format", "expected"),
    [
        ("JPEG", "jpeg"),
        ("PNG", "png"),
        ("WEBP", "webp"),
        ("HEIF", "heic"),
        ("AVIF", "avif"),
        ("GIF", "gif"),
        ("BMP", "bmp"),
    ],
)
def test_pictures_are_known_by_their_bytes(pillow_format: str, expected: str):
    picture = PillowImage.new("RGB", (16, 16), "red")
    assert sniff(encode_picture(picture, pillow_format)) == expected


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_recordings_are_known_by_their_bytes(kind: str):
    expected = {"alac": "m4a", "opus": "ogg", "float-wav": "wav"}.get(kind, kind)
    assert sniff(recording(kind, 0.1)) == expected


@pytest.mark.parametrize(
    "start",
    [b"\xff\xfb\x90\x64", b"\xff\xf3\x40\xc0", b"\xff\xfa\x90\x00", b"ID3\x04\x00"],
)
def test_mp3_is_known_with_and_without_tags(start: bytes):
    assert sniff(start + b"\0" * 400) == "mp3"


@pytest.mark.parametrize("brand", [b"isom", b"mp42", b"M4A ", b"3gp4", b"qt  ", b"dash"])
def test_every_mp4_brand_is_the_same_container(brand: bytes):
    assert sniff(b"\0\0\0\x10ftyp" + brand + b"\0\0\0\0") == "m4a"


def test_avif_is_known_by_a_compatible_brand():
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif") == "avif"
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "heic"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff\xff\xff\xff",
        b"Hello, I am a text file.",
        b"BM is how this text begins, it is no bitmap",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"MZ\x90\0",
        b"RIFF\x10\0\0\0AVI LIST",
        b"#EXTM3U\nfile:///etc/passwd",
        b"ffconcat version 1.0\nfile /etc/passwd",
        "﻿文本".encode(),
    ],
)
def test_everything_else_is_nothing(data: bytes):
    assert sniff(data) is None
