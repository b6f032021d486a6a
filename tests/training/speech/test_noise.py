"""What is heard beside the speaker has the kind and the loudness that was asked for."""

import numpy as np
import pytest

from training.speech.noise import CHATTER, Noise, add_noise, noise_samples

from .measures import band_power, decibels


@pytest.mark.parametrize("snr", [8, 20, 40])
@pytest.mark.parametrize("kind", ["colour", "hum", "babble"])
def test_noise_is_as_far_below_the_speech_as_asked(kind, snr):
    generator = np.random.default_rng(1)
    spoken = slice(8_000, 24_000)
    speech = np.zeros(32_000, np.float32)
    speech[spoken] = generator.uniform(-0.3, 0.3, 16_000)
    noise = noise_samples(Noise(kind, snr, slope=-4, speakers=4), len(speech), "train", generator)
    added = add_noise(speech, noise, snr, spoken) - speech
    assert decibels(np.mean(speech[spoken] ** 2) / np.mean(added[spoken] ** 2)) == pytest.approx(snr, abs=0.1)
    assert added[: spoken.start].any()


@pytest.mark.parametrize("frequency", [50, 60])
def test_hum_is_at_the_mains_frequency_and_its_multiples(frequency):
    hum = noise_samples(Noise("hum", 20, hum=frequency), 64_000, "train", np.random.default_rng(1))
    at_multiples = sum(band_power(hum, n * frequency - 2, n * frequency + 2) for n in range(1, 9))
    assert at_multiples > 0.9 * np.mean(hum**2)


def test_people_talk_of_something_else_in_the_held_out_set():
    for splits in CHATTER.values():
        assert not set(splits["train"]) & set(splits["held_out"])
    train, held_out = (
        noise_samples(Noise("babble", 20, speakers=3), 32_000, split, np.random.default_rng(1))
        for split in ("train", "held_out")
    )
    assert not np.array_equal(train, held_out)
