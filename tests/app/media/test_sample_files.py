"""The files that the README's commands send."""

from pathlib import Path

import pytest
from PIL import Image as PillowImage

from .conftest import decode_pixels, decode_samples

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.mark.parametrize("name", ["photo.jpg", "photo.heic"])
def test_the_photos_are_stored_turned_and_decoded_upright(name: str):
    pixels = decode_pixels((SAMPLES / name).read_bytes(), 50_000_000)
    assert pixels.shape == (1600, 1200, 3)
    sky, sea = pixels[100, 600], pixels[1500, 60]
    assert sky.sum() > sea.sum()


def test_the_jpeg_is_one_that_a_naive_reader_would_show_turned():
    with PillowImage.open(SAMPLES / "photo.jpg") as photo:
        assert photo.size == (1600, 1200)
        assert photo.getexif()[0x0112] == 6


def test_the_screenshot_has_a_phones_size():
    pixels = decode_pixels((SAMPLES / "screenshot.png").read_bytes(), 50_000_000)
    assert pixels.shape == (2400, 1080, 3)


@pytest.mark.parametrize("name", ["voice.m4a", "voice.ogg"])
def test_the_voices_last_three_seconds(name: str):
    samples = decode_samples((SAMPLES / name).read_bytes(), 300)
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.1)
    assert abs(samples).max() > 0.1


def test_the_samples_are_small():
    assert sum(path.stat().st_size for path in SAMPLES.iterdir() if path.is_file()) < 500_000
