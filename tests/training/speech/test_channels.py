"""Imitated lines and codecs take away what the real ones do, and leave the rest."""

import numpy as np
import pytest

from training.speech.channels import band_limited, coarse_spectrum, mu_law, telephone
from training.speech.espeak import Manner, speak
from training.speech.spectra import coloured_noise, resample

from .measures import band_power, decibels

RATE = 16_000


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return resample(speak("Write down what I say, please.", "en-us+f2", Manner(), seed=1), RATE / 22_050)


def test_a_band_keeps_its_inside_and_loses_its_outside():
    noise = coloured_noise(64_000, 0, np.random.default_rng(1))
    result = band_limited(noise, 300, 3_400, RATE)
    for lowest, highest, loss in ((500, 2_500, 0), (0, 150, 30), (6_800, 8_000, 30)):
        kept = band_power(result, lowest, highest) / band_power(noise, lowest, highest)
        assert -decibels(kept) == pytest.approx(loss, abs=0.5) if not loss else -decibels(kept) > loss


def test_mu_law_has_256_levels_and_little_error_when_quiet(speech):
    ramp = np.linspace(-1, 1, 10_001, dtype=np.float32)
    assert len(np.unique(mu_law(ramp))) <= 256
    for loudness in (1.0, 0.03):
        scaled = speech / np.abs(speech).max() * np.float32(loudness)
        error = mu_law(scaled) - scaled
        assert decibels(np.mean(scaled**2) / np.mean(error**2)) > 25


def test_a_telephone_line_carries_300_to_3400_hz(speech):
    result = telephone(speech, RATE)
    assert len(result) == len(speech)
    assert band_power(result, 4_100, 8_000) < 1e-3 * band_power(speech, 4_100, 8_000)
    assert band_power(result, 500, 3_000) == pytest.approx(band_power(speech, 500, 3_000), rel=0.1)


def test_a_spectrum_of_fine_steps_is_the_sound_itself_and_one_of_coarse_steps_is_not(speech):
    np.testing.assert_allclose(coarse_spectrum(speech, step=0.001, floor=200), speech, atol=1e-3)
    coarse = coarse_spectrum(speech, step=4, floor=34)
    assert len(coarse) == len(speech)
    error = decibels(np.mean(speech**2) / np.mean((coarse - speech) ** 2))
    assert 10 < error < 25
