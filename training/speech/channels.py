"""What imitates codecs and telephone lines, quickly: narrow bands, few levels, missing spectral detail."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from training.speech.spectra import Samples, filtered, resample

MU = 255.0
FRAME = 512  # samples of a frame of the spectral codec, half of them shared with the next
_POINTS = 800  # of a filter's gain, 10 Hz apart at 16 kHz


def band_limited(samples: Samples, lowest: float, highest: float, sample_rate: int) -> Samples:
    """Passes `lowest` to `highest` Hz; an octave outside falls by 36 dB."""
    frequencies = np.linspace(1, sample_rate / 2, _POINTS)
    gain = 1 / np.sqrt((1 + (lowest / frequencies) ** 12) * (1 + (frequencies / highest) ** 12))
    return filtered(samples, gain, sample_rate)


def telephone(samples: Samples, sample_rate: int) -> Samples:
    """Through a line of 8 kHz, 300-3400 Hz and eight bits a sample."""
    narrow = resample(band_limited(samples, 300, 3400, sample_rate), 8000 / sample_rate)
    wide = resample(mu_law(narrow), sample_rate / 8000)
    return np.pad(wide, (0, max(0, len(samples) - len(wide))))[: len(samples)]


def mu_law(samples: Samples) -> Samples:
    """Rounds to 256 levels, which lie closer at low amplitudes."""
    compressed: Samples = np.sign(samples) * np.log1p(MU * np.abs(samples)) / np.log1p(MU)
    rounded = np.round(compressed * 127.5 - 0.5) / 127.5 + 0.5 / 127.5
    expanded: Samples = np.sign(rounded) * np.expm1(np.abs(rounded) * np.log1p(MU)) / MU
    return expanded.astype(np.float32)


def coarse_spectrum(samples: Samples, step: float, floor: float) -> Samples:
    """Each frame's spectrum without what lies `floor` dB under its peak, in amplitude steps of `step` dB."""
    hop = FRAME // 2
    window = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME).astype(np.float32)
    padded = np.pad(samples, (hop, hop - len(samples) % hop + hop))
    spectrum = np.fft.rfft(sliding_window_view(padded, FRAME)[::hop] * window)  # (frames, bins)
    amplitude = np.abs(spectrum) + np.float32(1e-9)
    kept = amplitude > amplitude.max(axis=1, keepdims=True) * 10 ** (-floor / 20)
    levels = np.round(20 * np.log10(amplitude) / step) * step
    spectrum *= kept * np.power(10.0, levels / 20) / amplitude
    frames = np.fft.irfft(spectrum, FRAME).astype(np.float32) * window
    result = np.zeros(len(padded), np.float32)
    pairs = result[: (len(frames) + 1) * hop].reshape(-1, hop)
    pairs[:-1] += frames[:, :hop]
    pairs[1:] += frames[:, hop:]
    return result[hop : hop + len(samples)]
