"""A decoded recording, and where somebody speaks in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference import AUDIO_SAMPLE_RATE, Audio, Phrase, SpeechFit, SpeechSpan, cut_phrases


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """`speech` is empty if nobody speaks."""

    samples: NDArray[np.float32]  # (T,), mono at the models' sample rate
    speech: tuple[SpeechSpan, ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / AUDIO_SAMPLE_RATE

    def phrases(self, fit: SpeechFit, *, is_timed: bool = False) -> list[Phrase]:
        """What a model transcribes one after the other. `is_timed`: shorter ones, for subtitles."""
        shortest = fit.longest_seconds if fit.may_pause else 0.0
        if is_timed:
            shortest /= 6
        return cut_phrases(self.samples, self.speech, fit.longest_seconds, shortest)

    def heard(self, fit: SpeechFit) -> tuple[Audio, ...]:
        """From the first word to the last, or phrase by phrase for a model that hears only until a pause."""
        phrases = self.phrases(fit)
        if fit.may_pause:
            phrases = cut_phrases(self.samples, self.speech, self.seconds, self.seconds)
        return tuple(phrase.audio for phrase in phrases)
