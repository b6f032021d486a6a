"""Fourier transforms of whole recordings: resampling, filtering and reverberation. Float32 throughout.

What surrounds a recording is silence: results do not wrap round from its end to its beginning.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # (T,)
_FINEST = 512  # the denominator of a resampling ratio; 16,000 / 22,050 is 320 / 441
_GRAIN = 4096  # lengths are multiples of it: quick to transform, whatever the recording's own is


def resample(samples: Samples, ratio: float) -> Samples:
    """To about len * ratio samples. Played at the same rate, a ratio above 1 is slower and deeper."""
    exact = Fraction(ratio).limit_denominator(_FINEST)
    blocks = -(-(len(samples) + _GRAIN) // exact.denominator)
    length, target = blocks * exact.denominator, blocks * exact.numerator
    spectrum = np.fft.rfft(samples, length)
    result = np.fft.irfft(spectrum, target) * (target / length)
    return result[: round(len(samples) * ratio)].astype(np.float32)


def filtered(samples: Samples, gain: NDArray[np.floating], sample_rate: int) -> Samples:
    """`gain` (points,) is linear and stands at frequencies evenly spaced from 0 to half the rate."""
    length = _padded(len(samples) + _GRAIN)
    spectrum = np.fft.rfft(samples, length)
    positions = np.linspace(0, len(gain) - 1, len(spectrum))
    spectrum *= np.interp(positions, np.arange(len(gain)), gain).astype(np.float32)
    return np.fft.irfft(spectrum, length)[: len(samples)].astype(np.float32)


def convolved(samples: Samples, response: Samples) -> Samples:
    """(T + len(response) - 1,)."""
    total = len(samples) + len(response) - 1
    length = _padded(total)
    product = np.fft.rfft(samples, length) * np.fft.rfft(response, length)
    return np.fft.irfft(product, length)[:total].astype(np.float32)


def coloured_noise(count: int, slope: float, generator: np.random.Generator) -> Samples:
    """(count,) of unit power. `slope` is in dB an octave: 0 white, -3 pink, -6 brown, 3 blue."""
    length = _padded(count)
    spectrum = np.fft.rfft(generator.standard_normal(length, dtype=np.float32))
    octaves = np.log2(np.maximum(np.arange(len(spectrum), dtype=np.float32), length / 800))  # flat to 20 Hz
    spectrum *= np.power(10.0, slope * octaves / 20, dtype=np.float32)
    noise = np.fft.irfft(spectrum, length)[:count].astype(np.float32)
    return noise / np.float32(np.sqrt(np.mean(noise**2)) + 1e-12)


def _padded(length: int) -> int:
    return -(-length // _GRAIN) * _GRAIN
