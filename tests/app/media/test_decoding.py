import asyncio
import base64
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.errors import (
    AudioTooLong,
    BodyTooLarge,
    ImageTooLarge,
    InvalidImage,
    InvalidMedia,
    NoSpeech,
)
from app.http.body.spooled_file import MAX_BYTES_IN_MEMORY, SpooledFile
from app.media.codecs.audio import SAMPLE_RATE
from app.media.decoding import MediaDecoder
from app.media.sandbox.sandbox import JobUsage
from app.media.speech_finder import SpeechFinder
from app.memory_budget import MemoryBudget
from app.settings import MediaSettings
from inference import AUDIO_SAMPLE_RATE, ImageFit
from testbed.noises import as_wav, make_noise

from ..spoken import said
from .conftest import encode_picture, recording, tone

SETTINGS = MediaSettings(max_image_pixels=10_000, max_audio_seconds=2, max_media_bytes=100_000)
PICTURE = encode_picture(PillowImage.new("RGB", (100, 100), "red"), "JPEG")


@pytest.fixture
async def decoder(anyio_backend: str) -> AsyncIterator[MediaDecoder]:
    decoder = MediaDecoder(SETTINGS)
    await decoder.start()
    await decoder.wait_until_ready()
    yield decoder
    await decoder.aclose()


@pytest.mark.anyio
async def test_pictures_and_recordings_are_decoded(decoder: MediaDecoder):
    image, audio = await asyncio.gather(
        decoder.image(PICTURE, decoder.budget()), decoder.recording(recording("opus", 1.0), decoder.budget())
    )
    assert image.pixels.shape == (100, 100, 3)
    assert len(audio.samples) == pytest.approx(16_000, abs=1_000)


@pytest.mark.anyio
async def test_the_bounds_are_those_of_the_settings(decoder: MediaDecoder):
    with pytest.raises(ImageTooLarge):
        await decoder.image(encode_picture(PillowImage.new("RGB", (100, 101)), "PNG"), decoder.budget())
    with pytest.raises(AudioTooLong):
        await decoder.recording(recording("wav", 2.1), decoder.budget())


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
async def test_an_upload_in_memory_or_on_disk_is_decoded_from_its_beginning(
    decoder: MediaDecoder, tmp_path: Path
):
    budget = MemoryBudget(64 * 1_048_576, 64 * 1_048_576)
    with budget.claim(time.monotonic() + 60) as claim:
        upload = SpooledFile(claim, tmp_path)
        for data in (PICTURE, bytes(MAX_BYTES_IN_MEMORY)):
            await upload.write(data)
            for _ in range(2):
                assert (await decoder.image(upload, decoder.budget())).pixels.shape == (100, 100, 3)
        upload.close()


@pytest.mark.anyio
async def test_decoded_arrays_can_be_written(decoder: MediaDecoder):
    image = await decoder.image(PICTURE, decoder.budget())
    image.pixels[:] = 0
    audio = await decoder.recording(recording("wav", 1.0), decoder.budget())
    audio.samples[:] = 0


@pytest.mark.anyio
async def test_a_picture_is_shrunk_to_what_the_model_takes(decoder: MediaDecoder):
    asked = []

    def size(height: int, width: int) -> tuple[int, int]:
        asked.append((height, width))
        return 28, 42

    picture = PillowImage.new("RGB", (90, 60), "red")
    fit = ImageFit(28 * 42, size)
    budget = decoder.budget("alice", fit)
    image = await decoder.image(encode_picture(picture, "PNG"), budget)
    assert image.pixels.shape == (28, 42, 3)
    assert asked == [(60, 90)]
    assert budget.pixels == SETTINGS.max_request_pixels - 60 * 90  # it was decoded whole


@pytest.mark.anyio
async def test_a_picture_is_never_enlarged(decoder: MediaDecoder):
    fit = ImageFit(10_000, lambda height, width: (2 * height, 2 * width))
    image = await decoder.image(PICTURE, decoder.budget("alice", fit))
    assert image.pixels.shape == (100, 100, 3)


@pytest.mark.anyio
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30])
async def test_samples_are_finite_and_within_bounds(decoder: MediaDecoder, poison: float):
    samples = tone(1.0, 16_000)
    samples[4_000:4_010] = poison
    audio = await decoder.recording(float_wav(samples), decoder.budget())
    assert AUDIO_SAMPLE_RATE == SAMPLE_RATE
    assert np.isfinite(audio.samples).all()
    assert np.abs(audio.samples).max() <= 1.0
    assert audio.samples[8_000:] == pytest.approx(samples[8_000:], abs=0.01)


@pytest.mark.anyio
async def test_recording_without_speech_is_refused_as_a_part_of_a_chat(decoder: MediaDecoder):
    recording = await decoder.recording(as_wav(make_noise("melody", 1.0)), decoder.budget())
    assert (recording.speech, recording.seconds) == ((), 1.0)
    with pytest.raises(NoSpeech):
        await decoder.audio(as_wav(make_noise("melody", 1.0)), decoder.budget())


@pytest.mark.anyio
async def test_what_surrounds_speech_is_left_out(decoder: MediaDecoder):
    speech = np.pad(said("stop"), (12_000, 6_000))
    (audio,) = await decoder.audio(as_wav(speech), decoder.budget())
    assert len(audio.samples) == pytest.approx(len(said("stop")) + 2 * 3_200, abs=3_200)
    assert audio.sample_rate == AUDIO_SAMPLE_RATE


@pytest.mark.anyio
async def test_recordings_take_turns(decoder: MediaDecoder):
    """A short one does not wait until speech has been looked for in all of a long one."""
    finder = SpeechFinder()
    long = asyncio.create_task(finder.find(np.resize(said("stop"), 300 * 16_000)))
    await asyncio.sleep(0)  # it begins
    await finder.find(said("stop"))
    assert not long.done()
    long.cancel()
    finder.close()


@pytest.mark.anyio
async def test_what_files_took_is_reported():
    usages: asyncio.Queue[JobUsage] = asyncio.Queue()
    decoder = MediaDecoder(SETTINGS, usages.put_nowait)
    await decoder.start()
    await decoder.wait_until_ready()
    try:
        await decoder.image(PICTURE, decoder.budget())
        decoded = await usages.get()
        with pytest.raises(InvalidImage):
            await decoder.image(b"text", decoder.budget())
        refused = await usages.get()
    finally:
        await decoder.aclose()
    assert (decoded.outcome, refused.outcome) == ("decoded", "refused")
    assert decoded.peak_bytes > 1_000_000
    assert decoded.cpu_seconds > 0


@pytest.mark.anyio
@pytest.mark.filterwarnings("error")
async def test_a_picture_that_pillow_warns_of_is_decoded(decoder: MediaDecoder):
    exif = b"Exif\0\0II*\0\xff\xff\xff\xff"
    picture = encode_picture(PillowImage.new("RGB", (9, 9)), "JPEG", exif=exif)
    assert (await decoder.image(picture, decoder.budget())).pixels.shape == (9, 9, 3)


def float_wav(samples: np.ndarray) -> bytes:
    """Mono at 16 kHz."""
    content = samples.astype("<f4").tobytes()
    header = struct.pack("<IHHIIHH", 16, 3, 1, 16_000, 64_000, 4, 32)
    chunks = b"WAVEfmt " + header + b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
