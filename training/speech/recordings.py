"""What a phone makes of speech: drawn conditions, and a clean utterance recorded under them."""

import functools
import random
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np

from inference.types import AUDIO_SAMPLE_RATE
from training.example import Split
from training.speech.channels import band_limited, coarse_spectrum, mu_law, telephone
from training.speech.codecs import Codec, draw_codec
from training.speech.noise import Noise, add_noise, draw_noise, noise_samples
from training.speech.rooms import Room, draw_room, impulse_response
from training.speech.spectra import Samples, convolved, filtered

SHORTEST, LONGEST = 1.0, 5.0  # seconds of a recording
SILENCES = (0.1, 0.8)  # seconds before and after the speech
PEAKS = (-26.0, -1.0)  # dB of full scale
CODED: dict[Split, float] = {"train": 0.1, "held_out": 0.75}  # share of the recordings

Channel = Literal["clear", "narrow", "telephone", "mu_law", "coarse"]
CHANNELS: tuple[Channel, ...] = ("clear", "narrow", "telephone", "mu_law", "coarse")


@dataclass(frozen=True, slots=True)
class Conditions:
    before: float  # seconds of silence
    after: float
    microphone: tuple[float, ...]  # dB at evenly spaced frequencies
    room: Room | None
    noise: Noise | None
    channel: Channel
    codec: Codec | None  # a real one
    clipping: float  # dB by which the peaks are cut off
    peak: float  # dB of full scale


def draw_conditions(rng: random.Random, split: Split) -> Conditions:
    """A recording in eight has no noise. Real codecs take time: training has few, and none without PyAV."""
    is_coded = rng.random() < CODED[split] and (split == "held_out" or has_pyav())
    codec = draw_codec(rng, split) if is_coded else None
    return Conditions(
        before=rng.uniform(*SILENCES),
        after=rng.uniform(*SILENCES),
        microphone=tuple(rng.gauss(0, 4) for _ in range(7)),
        room=draw_room(rng) if rng.random() < 0.6 else None,
        noise=draw_noise(rng) if rng.random() < 0.875 else None,
        channel="clear" if codec else rng.choices(CHANNELS, weights=(9, 3, 2, 2, 4))[0],
        codec=codec,
        clipping=rng.uniform(0, 9) if rng.random() < 0.1 else 0.0,
        peak=rng.uniform(*PEAKS),
    )


@functools.cache
def has_pyav() -> bool:
    """Whether real codecs can be used: the project needs it, a machine that only trains may lack it."""
    return find_spec("av") is not None


def record(speech: Samples, conditions: Conditions, split: Split, seed: int) -> Samples:
    """Clean speech (T,) at 16 kHz, of at most LONGEST less two silences of 0.1 s, to its recording."""
    generator = np.random.default_rng(seed)
    before, after = _silences(len(speech) / AUDIO_SAMPLE_RATE, conditions)
    heard = filtered(speech, 10 ** (np.array(conditions.microphone) / 20), AUDIO_SAMPLE_RATE)
    if conditions.room:
        heard = convolved(heard, impulse_response(conditions.room, AUDIO_SAMPLE_RATE, generator))
    start, silence = round(before * AUDIO_SAMPLE_RATE), round(after * AUDIO_SAMPLE_RATE)
    total = start + len(speech) + silence
    recording = np.pad(heard, (start, silence))[:total]  # the room's echo ends with the recording
    if conditions.noise:
        noise = noise_samples(conditions.noise, total, split, generator)
        recording = add_noise(recording, noise, conditions.noise.snr, slice(start, start + len(speech)))
    return np.clip(_sent(_clipped(recording, conditions), conditions, generator), -1, 1)


def _silences(spoken: float, conditions: Conditions) -> tuple[float, float]:
    """Seconds before and after: as drawn, unless the recording would be too long or too short."""
    before, after = conditions.before, conditions.after
    room = LONGEST - spoken
    if before + after > room:
        before, after = before * room / (before + after), after * room / (before + after)
    return before, max(after, SHORTEST - spoken - before)


def _clipped(recording: Samples, conditions: Conditions) -> Samples:
    """To the wanted peak, the highest parts cut off where so drawn."""
    top = np.float32(np.abs(recording).max() * 10 ** (-conditions.clipping / 20) + 1e-9)
    return np.clip(recording, -top, top) * np.float32(10 ** (conditions.peak / 20) / top)


def _sent(recording: Samples, conditions: Conditions, generator: np.random.Generator) -> Samples:
    if conditions.codec:
        # Imported late: a machine that only trains need not have PyAV.
        from training.speech.audio_files import through

        return through(recording, conditions.codec)
    match conditions.channel:
        case "narrow":
            return band_limited(recording, 150, 4500, AUDIO_SAMPLE_RATE)
        case "telephone":
            return telephone(recording, AUDIO_SAMPLE_RATE)
        case "mu_law":
            return mu_law(recording)
        case "coarse":
            step, floor = generator.uniform(2, 7), generator.uniform(24, 40)  # dB: no two codecs spare alike
            return coarse_spectrum(recording, step, floor)
        case "clear":
            return recording
