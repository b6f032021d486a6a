"""Where somebody speaks: probabilities of speech to spans of samples. Pure functions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.voice_activity.network import FRAME, Floats, Network

BEGIN, END = 0.6, 0.35  # probabilities at which speech begins and ends
SHORTEST: Final = 5  # frames of speech, one after the other; music may reach four
PAUSE: Final = 10  # frames without speech that end a span
QUIETEST: Final = 1e-4  # -80 dB of full scale; with less there is nothing to hear


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """Part of a recording, in samples; `end` is the first one after it."""

    start: int
    end: int
    probability: float = 1.0  # that it is speech


class SpeechSearch:
    """Searches a recording for speech in steps of some 20 ms, so that several can take turns.

    Iterate over it to the end, then read `spans`.
    """

    def __init__(self, network: Network, samples: Floats) -> None:
        self._network = network
        self._samples = samples
        self._found: list[Floats] = []

    def __iter__(self) -> Iterator[None]:
        offset, level = measure_level(self._samples)
        if level < QUIETEST:
            return
        for probabilities in self._network.probabilities(self._samples, offset, level):
            self._found.append(probabilities)
            yield

    @property
    def spans(self) -> tuple[SpeechSpan, ...]:
        if not self._found:
            return ()
        return find_spans(np.concatenate(self._found), len(self._samples))


def measure_level(samples: Floats) -> tuple[float, float]:
    """Returns the offset of samples (T,), and the peak that all but their loudest frames stay below.

    As many frames are left out as a click has. The level is 0 if there are too few for speech.
    """
    count = len(samples) // FRAME
    if count < SHORTEST:
        return 0.0, 0.0
    offset = samples.mean(dtype=np.float64)
    frames = samples[: count * FRAME].reshape(count, FRAME)
    peaks = np.maximum(frames.max(axis=1) - offset, offset - frames.min(axis=1))
    return float(offset), float(np.partition(peaks, count - SHORTEST)[count - SHORTEST])


def find_spans(probabilities: Floats, count: int) -> tuple[SpeechSpan, ...]:
    """Probabilities of the frames of `count` samples -> spans in order, with pauses between them."""
    return tuple(
        SpeechSpan(start * FRAME, min(end * FRAME, count), float(probabilities[start:end].mean()))
        for start, end in _joined(_spoken(probabilities))
        if _longest_run(probabilities[start:end] >= BEGIN) >= SHORTEST
    )


def _spoken(probabilities: Floats) -> Iterator[tuple[int, int]]:
    """From each frame that reaches BEGIN to the next one below END."""
    start: int | None = None
    for index, probability in enumerate(probabilities):
        if start is None and probability >= BEGIN:
            start = index
        elif start is not None and probability < END:
            yield start, index
            start = None
    if start is not None:
        yield start, len(probabilities)


def _joined(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Across silence that is shorter than a pause."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start - joined[-1][1] < PAUSE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _longest_run(spoken: NDArray[np.bool_]) -> int:
    longest = run = 0
    for is_spoken in spoken:
        run = run + 1 if is_spoken else 0
        longest = max(longest, run)
    return longest
