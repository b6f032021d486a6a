"""Real codecs: files of the stated kind and size, in which the speech is still the speech."""

import numpy as np
import pytest

from training.speech.audio_files import decode, encode, through
from training.speech.codecs import Codec
from training.speech.espeak import Manner, speak
from training.speech.spectra import resample

RATE = 16_000


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    said = speak("Write down what I say, please.", "en-us+m3", Manner(), seed=1)
    return np.pad(resample(said, RATE / 22_050), 3_200)


@pytest.mark.parametrize(
    ("codec", "magic", "likeness"),
    [
        (Codec("opus", 16_000), b"OggS", 0.9),
        (Codec("aac", 32_000), b"\x00\x00\x00\x1cftypM4A", 0.9),
        (Codec("amr", 12_200), b"#!AMR", 0.8),
    ],
)
def test_a_recording_goes_to_a_small_file_and_back(speech, codec, magic, likeness):
    data = encode(speech, codec)
    assert data.startswith(magic)
    assert len(data) * 8 / (len(speech) / RATE) < 1.3 * codec.bit_rate
    decoded = decode(data)
    assert len(speech) <= len(decoded) < len(speech) + 0.05 * RATE
    # Encoders may begin a frame late, so the best fit within 40 ms counts.
    fits = [
        np.corrcoef(speech[: -640 or None], decoded[lag:][: len(speech) - 640])[0, 1] for lag in range(640)
    ]
    assert max(fits) > likeness


def test_there_and_back_keeps_the_length(speech):
    for count in (RATE, RATE + 1, 20_438, len(speech)):  # m4a is strict about the last frame of some lengths
        assert len(through(speech[:count], Codec("aac", 32_000))) == count
