"""Sounds in which nobody speaks: silence, hum, noise, tones, knocks and music.

Each is a function of the number of samples, the rate in Hz and a random generator; it returns (T,) float32
with a peak of 1, except for silence. `at_level` makes it as loud as a recording has it.
"""

import io
import wave
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Noise = Callable[[int, int, np.random.Generator], NDArray[np.floating]]

LEVELS: Final = (-60.0, -40.0, -20.0, -6.0, 0.0)  # dB of full scale, of the peak
RATES: Final = (8_000, 16_000, 22_050, 44_100, 48_000)  # Hz
A4: Final = 440.0  # Hz
MAJOR, MINOR = (0, 4, 7, 12), (0, 3, 7, 12)  # semitones over the root


def make_noise(name: str, seconds: float, rate: int = 16_000, seed: int = 1) -> Samples:
    """(T,) float32 with a peak of 1, or zeros."""
    count = max(1, round(seconds * rate))
    samples = NOISES[name](count, rate, np.random.default_rng(seed)).astype(np.float32)
    peak = np.abs(samples).max()
    return samples / peak if peak > 0 else samples


def at_level(samples: Samples, level: float) -> Samples:
    """With a peak of `level` dB of full scale, if the peak is 1 now."""
    scaled: Samples = samples * np.float32(10 ** (level / 20))
    return scaled


def as_wav(samples: Samples, rate: int = 16_000) -> bytes:
    """A mono file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(rate)
        recording.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _zeros(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    return np.zeros(count, np.float32)


def _constant(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    return np.ones(count, np.float32)


def _last_bit(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """What an idle converter gives: the lowest bit of 16 flickers."""
    return generator.integers(-1, 2, count).astype(np.float32)


def _coloured(slope: float) -> Noise:
    """Noise whose power changes by `slope` dB an octave: 0 is white, -3 pink, -6 brown."""

    def noise(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
        spectrum = np.fft.rfft(generator.standard_normal(count))
        frequencies = np.maximum(np.fft.rfftfreq(count, 1 / rate), 20.0)
        return np.fft.irfft(spectrum * frequencies ** (slope / 6.02), count)

    return noise


def _hum(frequency: float) -> Noise:
    """Mains: the fundamental and nine harmonics, each weaker."""

    def hum(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
        numbers = np.arange(1, 11)
        amplitudes, phases = generator.uniform(0.2, 1, 10) / numbers, generator.uniform(0, 2 * np.pi, 10)
        angles = 2 * np.pi * frequency * numbers[:, None] * _times(count, rate) + phases[:, None]
        samples: NDArray[np.floating] = np.sum(amplitudes[:, None] * np.sin(angles), axis=0)
        return samples

    return hum


def _tone(frequency: float) -> Noise:
    def tone(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
        return np.sin(2 * np.pi * frequency * _times(count, rate))

    return tone


def _square(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    return np.sign(np.sin(2 * np.pi * 220 * _times(count, rate)) + 1e-9)


def _sweep(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """From 50 Hz to nearly half the rate, each octave as long as the others."""
    octaves = np.log2(0.45 * rate / 50)
    frequencies = 50 * 2 ** (octaves * np.arange(count) / count)
    return np.sin(2 * np.pi * np.cumsum(frequencies) / rate)


def _siren(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    frequencies = 900 + 400 * np.sin(2 * np.pi * 0.4 * _times(count, rate))
    return np.sin(2 * np.pi * np.cumsum(frequencies) / rate)


def _beeps(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """An alarm clock."""
    times = _times(count, rate)
    return np.sin(2 * np.pi * 2_000 * times) * ((times % 0.5) < 0.1)


def _dialling(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """The two tones of each of a telephone's keys."""
    times = _times(count, rate)
    keys = (times // 0.15).astype(int)
    low = np.array([697, 770, 852, 941])[generator.integers(4, size=keys[-1] + 1)][keys]
    high = np.array([1209, 1336, 1477])[generator.integers(3, size=keys[-1] + 1)][keys]
    waves = np.sin(2 * np.pi * low * times) + np.sin(2 * np.pi * high * times)
    samples: NDArray[np.floating] = waves * (times % 0.15 < 0.1)
    return samples


def _clicks(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    samples = np.zeros(count, np.float32)
    samples[generator.integers(count, size=1 + 3 * count // rate)] = generator.choice((-1.0, 1.0))
    return samples


def _bursts(frequency: float, decay: float, per_second: float) -> Noise:
    """Short bursts at random times: keys, knocks, steps. `decay` is seconds until a burst is inaudible."""

    def bursts(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
        samples = np.zeros(count + rate, np.float32)
        times = np.arange(round(decay * rate)) / rate
        for _ in range(1 + round(per_second * count / rate)):
            start = generator.integers(count)
            ring = generator.standard_normal(len(times)) + np.sin(2 * np.pi * frequency * times) * 2
            burst = generator.uniform(0.3, 1) * ring * np.exp(-7 * times / decay)
            samples[start : start + len(times)] += burst
        return samples[:count]

    return bursts


def _fan(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    noise = _coloured(-4)(count, rate, generator)
    samples: NDArray[np.floating] = noise / np.abs(noise).max() + 0.3 * _hum(100)(count, rate, generator)
    return samples


def _wind(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    gusts = 1 + 0.9 * np.sin(2 * np.pi * 0.3 * _times(count, rate) + generator.uniform(0, 6))
    return _coloured(-6)(count, rate, generator) * gusts


def _rustle(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """A phone in a pocket: noise that comes and goes four times a second, as syllables do."""
    envelope = np.maximum(0, np.sin(2 * np.pi * 4 * _times(count, rate))) ** 2
    samples: NDArray[np.floating] = _coloured(-2)(count, rate, generator) * envelope
    return samples


def _engine(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    frequencies = 40 + 15 * np.sin(2 * np.pi * 0.1 * _times(count, rate))
    phases = 2 * np.pi * np.cumsum(frequencies) / rate
    waves = sum(np.sin(number * phases) / number for number in range(1, 12))
    return waves + 0.3 * generator.standard_normal(count)


def _note(frequency: float, count: int, rate: int) -> NDArray[np.float64]:
    """A plucked string's: harmonics that fade, the higher the sooner."""
    times = _times(count, rate)
    numbers = [number for number in range(1, 9) if number * frequency < 0.45 * rate]
    waves = [
        np.sin(2 * np.pi * number * frequency * times) * np.exp(-number * times) / number
        for number in numbers
    ]
    faded: NDArray[np.float64] = np.sum(waves, axis=0) * np.minimum(1, times / 0.005)
    return faded


def _chords(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """A chord each half second, of several notes from several octaves."""
    samples = np.zeros(count + rate)
    for start in range(0, count, rate // 2):
        root = A4 * 2 ** (generator.integers(-21, 4) / 12)
        for semitones in (MAJOR, MINOR)[generator.integers(2)]:
            samples[start : start + rate] += _note(root * 2 ** (semitones / 12), rate, rate)
    return samples[:count]


def _melody(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """Single notes over a chord and a drum."""
    samples = np.zeros(count + rate)
    for start in range(0, count, rate // 4):
        samples[start : start + rate] += _note(A4 * 2 ** (generator.integers(-12, 13) / 12), rate, rate)
    samples[:count] += 0.5 * _bursts(70, 0.15, 2)(count, rate, generator)
    samples[:count] += 0.5 * _chords(count, rate, generator)
    return samples[:count]


def _organ(count: int, rate: int, generator: np.random.Generator) -> NDArray[np.floating]:
    """A held chord with vibrato."""
    times = _times(count, rate)
    waves = np.zeros(count)
    for semitones in MINOR:
        frequencies = A4 / 2 * 2 ** ((semitones + 0.2 * np.sin(2 * np.pi * 5.5 * times)) / 12)
        phases = 2 * np.pi * np.cumsum(frequencies) / rate
        waves += sum(np.sin(number * phases) / number**1.5 for number in range(1, 7))
    return waves


def _times(count: int, rate: int) -> NDArray[np.float64]:
    return np.arange(count) / rate


NOISES: Final[dict[str, Noise]] = {
    "zeros": _zeros,
    "constant": _constant,
    "last bit": _last_bit,
    "white": _coloured(0),
    "pink": _coloured(-3),
    "brown": _coloured(-6),
    "blue": _coloured(3),
    "hum of 50 Hz": _hum(50),
    "hum of 60 Hz": _hum(60),
    "tone of 100 Hz": _tone(100),
    "tone of 440 Hz": _tone(440),
    "tone of 1 kHz": _tone(1_000),
    "tone of 3 kHz": _tone(3_000),
    "square": _square,
    "sweep": _sweep,
    "siren": _siren,
    "beeps": _beeps,
    "dialling": _dialling,
    "clicks": _clicks,
    "keyboard": _bursts(1_800, 0.03, 7),
    "knocks": _bursts(120, 0.12, 2),
    "steps": _bursts(60, 0.2, 1.8),
    "dishes": _bursts(4_200, 0.25, 1.5),
    "fan": _fan,
    "wind": _wind,
    "rustle": _rustle,
    "engine": _engine,
    "chords": _chords,
    "melody": _melody,
    "organ": _organ,
}


def every_noise(seconds: float, rate: int = 16_000, seed: int = 1) -> Iterator[tuple[str, float, Samples]]:
    """Each noise at each level."""
    for name in NOISES:
        samples = make_noise(name, seconds, rate, seed)
        for level in LEVELS:
            yield name, level, at_level(samples, level)
