"""A room's echo fades as long and is as loud as asked."""

import numpy as np
import pytest

from training.speech.rooms import Room, impulse_response

from .measures import decibels

RATE = 16_000


@pytest.mark.parametrize("reverberation", [0.1, 0.4])
def test_the_echo_falls_by_half_of_its_decibels_in_half_of_its_time(reverberation):
    room = Room(reverberation, direct_to_echo=5, delay=0.005)
    response = impulse_response(room, RATE, np.random.default_rng(1))
    left = np.cumsum(response[:0:-1].astype(np.float64) ** 2)[::-1]  # what is still to come
    start, later = round(0.01 * RATE), round(0.01 * RATE + reverberation / 2 * RATE)
    assert decibels(left[start] / left[later]) == pytest.approx(30, abs=3)


def test_the_direct_sound_comes_first_and_is_louder_than_the_echo_by_what_was_asked():
    response = impulse_response(Room(0.3, direct_to_echo=6, delay=0.01), RATE, np.random.default_rng(2))
    assert response[0] == 1
    assert not response[1 : round(0.01 * RATE)].any()
    assert decibels(1 / np.sum(response[1:] ** 2)) == pytest.approx(6, abs=0.1)
