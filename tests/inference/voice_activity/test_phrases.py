"""Phrases: how spans are joined and cut, and the times and margins of the pieces."""

import numpy as np
import pytest

from inference.types import AUDIO_SAMPLE_RATE
from inference.voice_activity.phrases import MARGIN, Phrase, cut_phrases
from inference.voice_activity.spans import SpeechSpan

RECORDING = np.arange(60 * AUDIO_SAMPLE_RATE, dtype=np.float32)  # a sample's value is its place


def spans(*seconds: tuple[float, float]) -> list[SpeechSpan]:
    return [
        SpeechSpan(round(start * AUDIO_SAMPLE_RATE), round(end * AUDIO_SAMPLE_RATE)) for start, end in seconds
    ]


def times(phrases: list[Phrase]) -> list[tuple[float, float]]:
    return [(phrase.start, phrase.end) for phrase in phrases]


def test_recording_without_speech_has_no_phrases() -> None:
    assert cut_phrases(RECORDING, [], 30, 30) == []


def test_phrases_are_joined_until_they_are_long_enough() -> None:
    spoken = spans((1, 2), (3, 4), (5, 6), (20, 21))
    assert times(cut_phrases(RECORDING, spoken, 30, 30)) == [(1, 21)]
    assert times(cut_phrases(RECORDING, spoken, 30, 3)) == [(1, 4), (5, 21)]
    assert times(cut_phrases(RECORDING, spoken, 30, 0)) == [(1, 2), (3, 4), (5, 6), (20, 21)]


def test_phrases_are_not_joined_beyond_the_longest() -> None:
    assert times(cut_phrases(RECORDING, spans((1, 2), (3, 4), (5, 6)), 3, 3)) == [(1, 4), (5, 6)]


def test_speech_without_pauses_is_cut() -> None:
    phrases = cut_phrases(RECORDING, spans((1, 20)), 5, 0)
    assert len(phrases) >= 4
    assert all(phrase.end - phrase.start <= 5 for phrase in phrases)
    assert (phrases[0].start, phrases[-1].end) == (1, 20)
    assert [phrase.end for phrase in phrases[:-1]] == [phrase.start for phrase in phrases[1:]]


def test_phrase_has_a_margin_that_no_other_phrase_has() -> None:
    first, second, last = cut_phrases(RECORDING, spans((0.1, 1), (1.2, 2), (58, 59.9)), 30, 0)
    assert first.audio.samples[0] == 0
    assert first.audio.samples[-1] + 1 == second.audio.samples[0] == 1.1 * AUDIO_SAMPLE_RATE
    assert second.audio.samples[-1] + 1 == 2 * AUDIO_SAMPLE_RATE + MARGIN
    assert last.audio.samples[0] == 58 * AUDIO_SAMPLE_RATE - MARGIN
    assert last.audio.samples[-1] + 1 == len(RECORDING)


def test_probability_of_joined_spans_is_their_mean() -> None:
    spoken = [SpeechSpan(0, 16_000, 1.0), SpeechSpan(32_000, 80_000, 0.6)]
    (phrase,) = cut_phrases(RECORDING, spoken, 30, 30)
    assert phrase.probability == pytest.approx(0.7)
