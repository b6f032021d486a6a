"""Rooms: a synthetic impulse response, the direct sound and exponentially fading noise after it."""

import random
from dataclasses import dataclass

import numpy as np

from training.speech.spectra import Samples


@dataclass(frozen=True, slots=True)
class Room:
    reverberation: float  # seconds until the echo has fallen by 60 dB
    direct_to_echo: float  # dB; less is further away
    delay: float  # seconds between the direct sound and the first echo


def draw_room(rng: random.Random) -> Room:
    return Room(rng.uniform(0.08, 0.45), rng.uniform(0, 14), rng.uniform(0.002, 0.012))


def impulse_response(room: Room, sample_rate: int, generator: np.random.Generator) -> Samples:
    """(T,); the direct sound is the first sample and has amplitude 1."""
    count = round(room.reverberation * sample_rate)
    times = np.arange(count, dtype=np.float32) / sample_rate
    echo = generator.standard_normal(count, dtype=np.float32)
    echo *= np.power(10.0, -3 * times / room.reverberation, dtype=np.float32)
    echo[: round(room.delay * sample_rate)] = 0
    echo *= np.float32(10 ** (-room.direct_to_echo / 20) / np.sqrt(np.sum(echo**2)))
    echo[0] = 1
    return echo
