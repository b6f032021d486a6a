"""What is heard beside the speaker: noise of several colours, mains hum, other people."""

import functools
import random
from dataclasses import dataclass
from typing import Literal

import numpy as np

from inference.types import AUDIO_SAMPLE_RATE
from training.example import Language, Split
from training.speech.espeak import SAMPLE_RATE as ESPEAK_SAMPLE_RATE
from training.speech.espeak import speak
from training.speech.spectra import Samples, coloured_noise, resample
from training.speech.voices import draw_voice

BABBLE_UTTERANCES = 12  # in each language
CHATTER: dict[Language, dict[Split, tuple[str, ...]]] = {
    "en": {
        "train": (
            "We were going to meet them after lunch, but the train was late again.",
            "She told me that the shop on the corner sells fresh bread on Sundays.",
            "I think the second half was much better than the first one.",
        ),
        "held_out": (
            "My brother has painted the garden fence twice this summer.",
            "Nobody knew who had left the umbrella in the hall.",
        ),
    },
    "zh": {
        "train": (
            "昨天晚上我们一起去吃了火锅，味道很不错。",
            "他们说下个月要搬到南边去住。",
            "这本书我已经看了一半了。",
        ),
        "held_out": ("院子里的花今年开得特别早。", "我妹妹在学校里参加了合唱队。"),
    },
}

Kind = Literal["colour", "hum", "babble"]


@dataclass(frozen=True, slots=True)
class Noise:
    kind: Kind
    snr: float  # dB, of the speech over the noise
    slope: float = 0.0  # dB an octave, of a colour
    hum: float = 50.0  # Hz
    speakers: int = 0  # of babble


def draw_noise(rng: random.Random) -> Noise:
    kind: Kind = rng.choices(("colour", "hum", "babble"), (6, 1, 3))[0]
    lowest = 12 if kind == "babble" else 8  # nobody else may be as loud as the speaker
    return Noise(
        kind,
        snr=rng.uniform(lowest, 40),
        slope=rng.uniform(-7, 2),
        hum=rng.choice((50.0, 60.0)),
        speakers=rng.randint(3, 6),
    )


def noise_samples(noise: Noise, count: int, split: Split, generator: np.random.Generator) -> Samples:
    """(count,) of some power above zero, at 16 kHz."""
    if noise.kind == "colour":
        return coloured_noise(count, noise.slope, generator)
    if noise.kind == "hum":
        return _hum(noise.hum, count, generator)
    return _babble(noise.speakers, count, split, generator)


def add_noise(speech: Samples, noise: Samples, snr: float, spoken: slice) -> Samples:
    """Scales `noise` so that the power of speech[spoken] is `snr` dB above its power there."""
    speech_power = np.mean(speech[spoken] ** 2)
    noise_power = np.mean(noise[spoken] ** 2) + 1e-12
    scale = np.float32(np.sqrt(speech_power / noise_power) * 10 ** (-snr / 20))
    noisy: Samples = speech + scale * noise
    return noisy


def _hum(frequency: float, count: int, generator: np.random.Generator) -> Samples:
    harmonics = np.arange(1, 9, dtype=np.float32)[:, None]
    amplitudes = generator.uniform(0, 1, (8, 1)).astype(np.float32) / harmonics
    phases = generator.uniform(0, 2 * np.pi, (8, 1)).astype(np.float32)
    times = np.arange(count, dtype=np.float32) / AUDIO_SAMPLE_RATE
    waves = np.sin(2 * np.pi * frequency * harmonics * times + phases)
    hum: Samples = np.sum(amplitudes * waves, axis=0, dtype=np.float32)
    hum += np.float32(0.02) * coloured_noise(count, -3, generator)
    return hum


def _babble(speakers: int, count: int, split: Split, generator: np.random.Generator) -> Samples:
    voices = _overheard(split)
    babble = np.zeros(count, np.float32)
    for index in generator.integers(len(voices), size=speakers):
        voice = np.resize(voices[index], count)  # said again and again
        babble += np.roll(voice, generator.integers(count)) * np.float32(generator.uniform(0.3, 1))
    babble += np.float32(0.01 * np.sqrt(np.mean(babble**2))) * coloured_noise(count, -3, generator)
    return babble


@functools.cache
def _overheard(split: Split) -> tuple[Samples, ...]:
    """Utterances of the split's own voices, of unit power. Kept: they are the same in each process."""
    rng = random.Random(f"babble {split}")
    utterances = []
    for language in CHATTER:
        for index in range(BABBLE_UTTERANCES):
            voice = draw_voice(rng, split, language)
            sentences = CHATTER[language][split]
            said = speak(sentences[index % len(sentences)], voice.name, voice.manner, seed=index)
            said = resample(said, AUDIO_SAMPLE_RATE / ESPEAK_SAMPLE_RATE)
            utterances.append(said / np.float32(np.sqrt(np.mean(said**2))))
    return tuple(utterances)
