import asyncio
import base64
import threading
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from PIL import Image as PillowImage

from app.errors import (
    AudioTooLong,
    BodyTooLarge,
    ImageTooLarge,
    InvalidImage,
    InvalidMedia,
)
from app.media.decoding import MediaDecoder, decode_base64
from app.settings import MediaSettings

from .conftest import encode_picture, recording

SETTINGS = MediaSettings(max_image_pixels=10_000, max_audio_seconds=2, max_media_bytes=100_000)
PICTURE = encode_picture(PillowImage.new("RGB", (100, 100), "red"), "JPEG")


def decoding_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("media")]


@pytest.fixture
async def decoder(anyio_backend: str) -> AsyncIterator[MediaDecoder]:
    decoder = MediaDecoder(SETTINGS)
    yield decoder
    await decoder.aclose()


@pytest.mark.anyio
async def test_pictures_and_recordings_are_decoded(decoder: MediaDecoder):
    image, audio = await asyncio.gather(
        decoder.image(PICTURE, decoder.budget()), decoder.audio(recording("opus", 1.0), decoder.budget())
    )
    assert image.pixels.shape == (100, 100, 3)
    assert len(audio.samples) == pytest.approx(16_000, abs=1_000)


@pytest.mark.anyio
async def test_the_bounds_are_those_of_the_settings(decoder: MediaDecoder):
    with pytest.raises(ImageTooLarge):
        await decoder.image(encode_picture(PillowImage.new("RGB", (100, 101)), "PNG"), decoder.budget())
    with pytest.raises(AudioTooLong):
        await decoder.audio(recording("wav", 2.1), decoder.budget())


@pytest.mark.anyio
async def test_text_is_taken_for_base64(decoder: MediaDecoder):
    text = base64.b64encode(PICTURE).decode()
    assert (await decoder.image(text, decoder.budget())).pixels.shape == (100, 100, 3)
    assert (await decoder.image(f"data:image/png;base64,{text}", decoder.budget())).pixels.shape == (
        100,
        100,
        3,
    )
    with pytest.raises(InvalidMedia, match="base64"):
        await decoder.audio("not base64", decoder.budget())
    with pytest.raises(BodyTooLarge):
        await decoder.image("A" * 150_000, decoder.budget())


@pytest.mark.anyio
async def test_no_more_threads_than_allowed_decode_at_once():
    decoder = MediaDecoder(SETTINGS, max_workers=2)
    outcomes = await asyncio.gather(
        *(decoder.image(PICTURE, decoder.budget()) for _ in range(20)),
        *(decoder.image(b"text", decoder.budget()) for _ in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, InvalidImage) for outcome in outcomes) == 20
    assert 1 <= len(decoding_threads()) <= 2
    await decoder.aclose()
    assert decoding_threads() == []


@pytest.mark.anyio
@pytest.mark.filterwarnings("error")
async def test_a_picture_that_pillow_warns_of_is_decoded():
    decoder = MediaDecoder(SETTINGS)
    exif = b"Exif\0\0II*\0\xff\xff\xff\xff"
    image = await decoder.image(
        encode_picture(PillowImage.new("RGB", (9, 9)), "JPEG", exif=exif), decoder.budget()
    )
    assert image.pixels.shape == (9, 9, 3)
    await decoder.aclose()


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "data:image/jpeg;base64,",
        "data:audio/mp4;codecs=mp4a.40.2;base64,",
        "data:;base64,",
        "data:image/svg+xml;charset=utf-8;base64,",
    ],
)
def test_base64_and_data_uris_are_read(prefix: str):
    assert decode_base64(prefix + "aGVsbG8=", 5) == b"hello"


def test_line_breaks_are_taken_since_androids_encoder_makes_them():
    assert decode_base64("aGVs\r\nbG8=\n", 100) == b"hello"


@pytest.mark.parametrize(
    "text",
    [
        "aGVsbG8",  # no padding
        "aGVsbG8= ",
        "aGV-bG_v",  # the alphabet of URLs
        "aGVsbG8=aGVsbG8=",
        "====",
        "é" * 8,
        "\ud800" * 4,
        "data:image/jpeg,aGVsbG8=",
        "data:image/jpeg;base64",
        "file:///etc/passwd",
    ],
)
def test_everything_that_is_not_strictly_base64_is_refused(text: str):
    with pytest.raises(InvalidMedia) as refusal:
        decode_base64(text, 100)
    assert "base64" in refusal.value.detail
    assert text not in refusal.value.detail


@pytest.mark.parametrize("url", ["http://10.0.0.1/cat.jpg", "https://example.com", "HTTPS://x"])
def test_addresses_are_refused_with_what_to_send_instead(url: str):
    with pytest.raises(InvalidMedia, match="Addresses are not fetched") as refusal:
        decode_base64(url, 100)
    assert url not in refusal.value.detail


@pytest.mark.parametrize("size", range(1, 8))
def test_the_bound_on_bytes_is_exact(size: int):
    text = base64.b64encode(b"x" * size).decode()
    assert decode_base64(text, size) == b"x" * size
    with pytest.raises(BodyTooLarge):
        decode_base64(text, size - 1)


def test_a_text_that_is_too_long_costs_no_memory():
    text = "data:image/png;base64," + "A" * 8_000_000
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        decode_base64(text, 1_000_000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10_000


def test_an_empty_text_is_no_picture():
    assert decode_base64("", 100) == b""
