"""Recordings in which somebody speaks, from the first sample to the last."""

import functools

import numpy as np

from testbed.noises import Samples, as_wav
from training.speech.espeak import SAMPLE_RATE, Manner, speak
from training.speech.spectra import resample

RATE = 16_000
WORDS = "we were going to leave early and never know where all the money will have gone"


@functools.cache
def said(words: str, voice: str = "en-us+f4") -> Samples:
    """(T,) at 16 kHz with a peak of 0.5, without silence at its ends."""
    speech = resample(speak(words, voice, Manner(), seed=1), RATE / SAMPLE_RATE)
    speech = speech * np.float32(0.5 / np.abs(speech).max())
    loud = np.flatnonzero(np.abs(speech) > 0.02)
    return speech[loud[0] : loud[-1]]


@functools.cache
def wav(seconds: float) -> bytes:
    """Somebody speaks all the time."""
    return as_wav(np.resize(said(WORDS), round(seconds * RATE)))


def two_sentences() -> bytes:
    """Six seconds of speech from 1 s on, six more from 9 s on, of 16 s."""
    sentence = np.resize(said(WORDS), 6 * RATE)
    samples = np.zeros(16 * RATE, np.float32)
    samples[RATE : 7 * RATE] = samples[9 * RATE : 15 * RATE] = sentence
    return as_wav(samples)
