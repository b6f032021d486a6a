"""A recording has the length, loudness and silences of its conditions, and repeats with its seed."""

import dataclasses
import random

import numpy as np
import pytest

from training.speech.codecs import Codec
from training.speech.noise import Noise
from training.speech.recordings import CHANNELS, LONGEST, SHORTEST, Conditions, draw_conditions, record
from training.speech.rooms import Room
from training.speech.spectra import coloured_noise

from .measures import decibels

RATE = 16_000
QUIET = Conditions(
    before=0.3,
    after=0.5,
    microphone=(0.0,) * 7,
    room=None,
    noise=None,
    channel="clear",
    codec=None,
    clipping=0.0,
    peak=-6.0,
)


def voice(seconds: float) -> np.ndarray:
    return coloured_noise(round(seconds * RATE), -3, np.random.default_rng(1)) * np.float32(0.1)


def test_silence_stands_before_and_after():
    recording = record(voice(2), QUIET, "train", seed=1)
    assert len(recording) == round(2.8 * RATE)
    assert np.abs(recording[: round(0.29 * RATE)]).max() < 0.01
    assert np.abs(recording[-round(0.49 * RATE) :]).max() < 0.01
    assert np.abs(recording).max() == pytest.approx(10 ** (-6 / 20), rel=0.001)


@pytest.mark.parametrize("spoken", [0.2, 1.0, 4.3, 4.8])
def test_lengths_are_within_their_bounds(spoken):
    patient = dataclasses.replace(QUIET, before=0.8, after=0.8)
    hasty = dataclasses.replace(QUIET, before=0.1, after=0.1)
    for conditions in (patient, hasty):
        seconds = len(record(voice(spoken), conditions, "train", seed=1)) / RATE
        assert SHORTEST - 0.001 <= seconds <= LONGEST + 0.001


def test_noise_is_as_loud_as_its_conditions_say():
    conditions = dataclasses.replace(QUIET, noise=Noise("colour", snr=12))
    recording = record(voice(2), conditions, "train", seed=1)
    before = np.mean(recording[: round(0.3 * RATE)] ** 2)
    spoken = np.mean(recording[round(0.3 * RATE) : round(2.3 * RATE)] ** 2)
    assert decibels((spoken - before) / before) == pytest.approx(12, abs=0.5)


def test_clipping_flattens_the_peaks_only():
    clipped = record(voice(2), dataclasses.replace(QUIET, clipping=9.0), "train", seed=1)
    at_the_top = np.abs(clipped) > 0.999 * np.abs(clipped).max()
    assert np.abs(clipped).max() == pytest.approx(10 ** (-6 / 20), rel=0.001)
    assert 50 < at_the_top.sum() < 0.2 * len(clipped)


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_channel_keeps_the_length_and_repeats(channel):
    conditions = dataclasses.replace(
        QUIET, room=Room(0.3, 5, 0.005), noise=Noise("colour", 15, -3), channel=channel
    )
    first, again, other = (record(voice(1), conditions, "train", seed=seed) for seed in (1, 1, 2))
    assert len(first) == round(1.8 * RATE)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_real_codec_keeps_the_length():
    conditions = dataclasses.replace(QUIET, codec=Codec("opus", 16_000))
    assert len(record(voice(1), conditions, "held_out", seed=1)) == round(1.8 * RATE)


def test_drawn_conditions_are_those_that_are_promised():
    rng = random.Random(1)
    drawn = [draw_conditions(rng, "train") for _ in range(2_000)]
    assert all(
        0.1 <= silence <= 0.8 for conditions in drawn for silence in (conditions.before, conditions.after)
    )
    noises = [conditions.noise for conditions in drawn if conditions.noise]
    assert {noise.kind for noise in noises} == {"colour", "hum", "babble"}
    assert min(noise.snr for noise in noises) < 9
    assert all(8 <= noise.snr <= 40 for noise in noises)
    assert all(noise.snr >= 12 for noise in noises if noise.kind == "babble")
    assert {conditions.channel for conditions in drawn} == set(CHANNELS)
    codecs = [conditions.codec.name for conditions in drawn if conditions.codec]
    assert set(codecs) == {"opus", "aac", "amr"}
    assert len(codecs) < 0.15 * len(drawn)
