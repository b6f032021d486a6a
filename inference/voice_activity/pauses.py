"""Cuts long recordings into pieces for a speech-recognition model. Pure functions."""

import numpy as np
from numpy.typing import NDArray

from inference.types import AUDIO_SAMPLE_RATE

SEARCHED_PART = 6  # the last sixth of a piece is searched for a pause
FRAME = AUDIO_SAMPLE_RATE // 50  # samples; 20 ms
PAUSE_FRAMES = 10  # length of a pause


def cut_at_pauses(samples: NDArray[np.float32], longest: int) -> list[NDArray[np.float32]]:
    """samples (T,) -> pieces of at most `longest` samples, each cut where it is quietest near its end.

    There is at least one piece; it is empty if there are no samples.
    """
    pieces = []
    while len(samples) > longest:
        cut = _quietest(samples[:longest], longest - longest // SEARCHED_PART)
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [*pieces, samples]


def _quietest(samples: NDArray[np.float32], start: int) -> int:
    """Returns the middle of the quietest 0.2 s after `start`, or the end if fewer samples follow."""
    searched = samples[start:]
    frames = len(searched) // FRAME
    if frames < PAUSE_FRAMES:
        return len(samples)
    energies = np.square(searched[: frames * FRAME], dtype=np.float64).reshape(frames, FRAME).sum(axis=1)
    of_pauses = np.convolve(energies, np.ones(PAUSE_FRAMES), mode="valid")
    return start + (int(of_pauses.argmin()) + PAUSE_FRAMES // 2) * FRAME
