"""Cuts a recording into phrases: pieces for a model, with the times of the speech in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from inference.types import AUDIO_SAMPLE_RATE, Audio
from inference.voice_activity.network import Floats
from inference.voice_activity.pauses import cut_at_pauses
from inference.voice_activity.spans import SpeechSpan

MARGIN: Final = AUDIO_SAMPLE_RATE // 5  # samples before and after speech that a model hears too


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """`start` and `end` are seconds of the recording; `audio` has a margin around them."""

    start: float
    end: float
    audio: Audio
    probability: float  # that it is speech


def cut_phrases(
    samples: Floats, spans: Sequence[SpeechSpan], longest: float, shortest: float
) -> list[Phrase]:
    """Joins spans of samples (T,) until `shortest` seconds are reached, but not beyond `longest`.

    Speech without pauses for longer than that is cut where it is quietest.
    """
    most, least = round(longest * AUDIO_SAMPLE_RATE), round(shortest * AUDIO_SAMPLE_RATE)
    joined: list[SpeechSpan] = []
    for span in (part for whole in spans for part in _bounded(samples, whole, most)):
        last = joined[-1] if joined else None
        if last is not None and last.end - last.start < least and span.end - last.start <= most:
            joined[-1] = _join(last, span)
        else:
            joined.append(span)
    edges = [
        0,
        *((one.end + two.start) // 2 for one, two in pairwise(joined)),
        len(samples),
    ]
    return [
        Phrase(
            span.start / AUDIO_SAMPLE_RATE,
            span.end / AUDIO_SAMPLE_RATE,
            Audio(samples[max(before, span.start - MARGIN) : min(after, span.end + MARGIN)]),
            span.probability,
        )
        for span, (before, after) in zip(joined, pairwise(edges), strict=False)
    ]


def _bounded(samples: Floats, span: SpeechSpan, most: int) -> list[SpeechSpan]:
    start = span.start
    parts = []
    for piece in cut_at_pauses(samples[span.start : span.end], most):
        parts.append(SpeechSpan(start, start + len(piece), span.probability))
        start += len(piece)
    return parts


def _join(one: SpeechSpan, other: SpeechSpan) -> SpeechSpan:
    lengths = one.end - one.start, other.end - other.start
    total = one.probability * lengths[0] + other.probability * lengths[1]
    return SpeechSpan(one.start, other.end, total / sum(lengths))
