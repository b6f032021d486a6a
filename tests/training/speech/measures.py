"""Measurements of sound that several tests share."""

import numpy as np


def pitch(samples: np.ndarray, sample_rate: int) -> float:
    """The median over 50 ms pieces of a voice's fundamental frequency, in Hz, by autocorrelation."""
    count = sample_rate // 20
    pieces = samples[: len(samples) // count * count].reshape(-1, count)
    shortest, longest = sample_rate // 400, sample_rate // 60
    found = []
    for piece in pieces[pieces.std(axis=1) > 0.5 * pieces.std()]:
        similarity = np.fft.irfft(np.abs(np.fft.rfft(piece - piece.mean(), 2 * count)) ** 2)[:longest]
        similarity /= 1 - np.arange(longest) / count  # fewer samples overlap, the longer the period
        period = shortest + int(similarity[shortest:].argmax())
        if similarity[period] > 0.4 * similarity[0]:
            found.append(sample_rate / period)
    return float(np.median(found))


def band_power(samples: np.ndarray, lowest: float, highest: float, sample_rate: int = 16_000) -> float:
    """The power between two frequencies in Hz, per sample."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    chosen = (frequencies >= lowest) & (frequencies < highest)
    return float(2 * power[chosen].sum() / len(samples) ** 2)


def decibels(ratio: float) -> float:
    return 10 * float(np.log10(ratio))
