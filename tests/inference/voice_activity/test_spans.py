"""Noise is not speech, at any level or rate; speech is, when it is quiet and in noise too."""

import functools
from collections.abc import Sequence

import numpy as np
import pytest

from inference.types import AUDIO_SAMPLE_RATE
from inference.voice_activity import Network, SpeechSearch, SpeechSpan
from inference.voice_activity.spans import PAUSE, SHORTEST, find_spans
from testbed.noises import LEVELS, NOISES, RATES, Samples, at_level, make_noise
from training.speech.noise import Noise, add_noise, noise_samples
from training.speech.spectra import resample

from ...app.spoken import said

SENTENCES = (
    ("en-us+f4", "set an alarm for seven thirty"),
    ("en+m6", "stop"),
    ("en-us+Annie", "yes"),
    ("cmn+m3", "打开微信"),
    ("cmn+f2", "返回"),
)
SPEECH_LEVELS = (-60.0, -40.0, -20.0, 0.0)  # dB of full scale


@functools.cache
def network() -> Network:
    return Network()


def spans_of(samples: Samples) -> Sequence[SpeechSpan]:
    search = SpeechSearch(network(), samples)
    for _ in search:
        pass
    return search.spans


def with_silence(speech: Samples) -> Samples:
    return np.pad(speech, (AUDIO_SAMPLE_RATE // 2, AUDIO_SAMPLE_RATE // 2))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", NOISES)
def test_noise_is_not_speech(name: str, rate: int) -> None:
    for seconds, seed in ((0.01, 1), (0.4, 2), (2.0, 5)):
        noise = resample(make_noise(name, seconds, rate, seed), AUDIO_SAMPLE_RATE / rate)
        for level in LEVELS:
            assert not spans_of(at_level(noise, level)), (seconds, level)


@pytest.mark.parametrize("name", NOISES)
def test_noise_of_a_minute_is_not_speech(name: str) -> None:
    assert not spans_of(at_level(make_noise(name, 60.0, seed=4), -12))


@pytest.mark.parametrize("level", SPEECH_LEVELS)
@pytest.mark.parametrize(("voice", "words"), SENTENCES)
def test_speech_is_found_at_any_level(voice: str, words: str, level: float) -> None:
    speech = said(words, voice)
    speech = with_silence(speech / np.abs(speech).max())
    assert spans_of(at_level(speech, level))


@pytest.mark.parametrize("kind", ["colour", "hum", "babble"])
@pytest.mark.parametrize(("voice", "words"), SENTENCES)
def test_speech_is_found_in_noise(voice: str, words: str, kind: str) -> None:
    speech = with_silence(said(words, voice))
    spoken = slice(AUDIO_SAMPLE_RATE // 2, -AUDIO_SAMPLE_RATE // 2)
    for snr in (5.0, 15.0, 30.0):
        drawn = Noise(kind, snr, slope=-3.0, hum=50.0, speakers=4)  # type: ignore[arg-type] # a parameter
        noise = noise_samples(drawn, len(speech), "held_out", np.random.default_rng(1))
        assert spans_of(add_noise(speech, noise, snr, spoken)), snr


def test_click_beside_quiet_speech_does_not_hide_it() -> None:
    speech = at_level(with_silence(said("set an alarm for seven thirty")), -40)
    speech[1_000:1_010] = 1.0
    speech[-2_000:-1_990] = -1.0
    (span,) = spans_of(speech)
    assert 0.3 < span.start / AUDIO_SAMPLE_RATE < 0.7


def test_constant_offset_does_not_hide_speech() -> None:
    speech = at_level(with_silence(said("set an alarm for seven thirty")), -30) + np.float32(0.4)
    assert len(spans_of(speech)) == 1


@pytest.mark.parametrize("count", [0, 1, 160, 511, 512, 513])
def test_recordings_that_are_too_short_for_speech_have_none(count: int) -> None:
    assert spans_of(said("yes")[:count]) == ()


@pytest.mark.parametrize(("voice", "words"), SENTENCES)
def test_times_are_those_of_the_speech(voice: str, words: str) -> None:
    speech = said(words, voice)
    recording = np.pad(speech, (20_000, 30_000))
    spans = spans_of(recording)
    assert spans[0].start == pytest.approx(20_000, abs=0.15 * AUDIO_SAMPLE_RATE)
    assert spans[-1].end == pytest.approx(20_000 + len(speech), abs=0.15 * AUDIO_SAMPLE_RATE)
    assert all(0.5 < span.probability <= 1 for span in spans)


def probabilities(*runs: tuple[int, float]) -> Samples:
    return np.concatenate([np.full(count, value, np.float32) for count, value in runs])


def test_span_ends_at_a_pause_and_not_before() -> None:
    spoken = (SHORTEST, 0.9)
    short, long = (PAUSE - 1, 0.1), (PAUSE, 0.1)
    assert len(find_spans(probabilities(spoken, short, spoken), 100_000)) == 1
    first, second = find_spans(probabilities(spoken, long, spoken), 100_000)
    assert (first.start, first.end) == (0, SHORTEST * 512)
    assert second.start == (SHORTEST + PAUSE) * 512


def test_sound_that_is_too_short_is_not_speech() -> None:
    assert find_spans(probabilities((20, 0.1), (SHORTEST - 1, 0.99), (20, 0.1)), 100_000) == ()


def test_doubtful_frames_inside_speech_belong_to_it() -> None:
    (span,) = find_spans(probabilities((SHORTEST, 0.9), (20, 0.4), (SHORTEST, 0.9), (1, 0.3)), 100_000)
    assert span.end == (2 * SHORTEST + 20) * 512


def test_span_does_not_exceed_the_recording() -> None:
    (span,) = find_spans(probabilities((10, 0.9)), 5_000)
    assert span.end == 5_000
