"""Resampling, filtering, reverberation and coloured noise against what they stand for."""

import numpy as np
import pytest

from training.speech.spectra import coloured_noise, convolved, filtered, resample

from .measures import band_power, decibels


def sine(frequency: float, seconds: float, sample_rate: int) -> np.ndarray:
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.sin(2 * np.pi * frequency * times).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 48_000])
def test_a_resampled_tone_is_that_tone(sample_rate):
    result = resample(sine(440, 0.5, sample_rate), 16_000 / sample_rate)
    expected = sine(440, 0.5, 16_000)
    assert len(result) == len(expected)
    # The edges ring: the tone begins and ends at once.
    np.testing.assert_allclose(result[500:-500], expected[500:-500], atol=0.01)


def test_what_the_lower_rate_cannot_hold_is_removed():
    result = resample(sine(9_000, 0.5, 22_050), 16_000 / 22_050)
    assert np.abs(result[500:-500]).max() < 0.02


def test_a_filter_weakens_the_frequencies_that_it_names_and_keeps_the_length():
    gain = np.where(np.arange(81) <= 20, 1.0, 0.1)  # 100 Hz a step: to 2 kHz
    for frequency, expected in ((1_000, 1.0), (5_000, 0.1)):
        result = filtered(sine(frequency, 0.5, 16_000), gain, 16_000)
        assert len(result) == 8_000
        assert np.abs(result[500:-500]).max() == pytest.approx(expected, rel=0.02)


def test_nothing_wraps_round_from_the_end_to_the_beginning():
    click = np.zeros(8_192, np.float32)
    click[-1] = 1
    gain = np.where(np.arange(81) <= 20, 1.0, 0.0)
    assert np.abs(filtered(click, gain, 16_000)[:4_000]).max() < 0.001
    assert np.abs(resample(click, 0.7)[:2_000]).max() < 0.001


def test_convolution_is_numpys():
    generator = np.random.default_rng(1)
    samples, response = generator.standard_normal((2, 3_000)).astype(np.float32)
    np.testing.assert_allclose(convolved(samples, response), np.convolve(samples, response), atol=1e-3)


@pytest.mark.parametrize("slope", [-6, -3, 0, 2])
def test_noise_has_its_slope_and_unit_power(slope):
    noise = coloured_noise(160_000, slope, np.random.default_rng(1))
    assert np.mean(noise**2) == pytest.approx(1, rel=0.001)
    lower, upper = band_power(noise, 250, 500), band_power(noise, 2_000, 4_000)
    # An octave is twice as wide three octaves up, thrice.
    assert decibels(upper / lower / 8) == pytest.approx(3 * slope, abs=0.7)
