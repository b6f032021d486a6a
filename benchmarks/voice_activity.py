"""How well and how fast voices are found: `python -m benchmarks.voice_activity`. About two minutes.

Recordings without speech are the noises of `testbed/noises.py`, at every level and three sample rates,
decoded as uploads are. Recordings with speech are the samples and held-out commands in rooms, with noise
and through codecs. Then five minutes of speech are searched beside an event loop, whose longest delay is
measured.
"""

import asyncio
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from app.media.codecs.audio import decode_audio
from app.media.speech_finder import SpeechFinder
from inference import SpeechSearch, VoiceNetwork
from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions
from testbed.noises import LEVELS, NOISES, Samples, as_wav, at_level, make_noise
from training.example import LANGUAGES
from training.speech.examples import held_out

SAMPLES: Final = Path(__file__).parents[1] / "samples"
RATES: Final = (8_000, 16_000, 48_000)  # Hz
SECONDS: Final = (0.5, 3.0)
COMMANDS: Final = 100  # of each language
SEED: Final = 5
LONG_SECONDS: Final = 300
HEARTBEAT_SECONDS: Final = 0.001


def decoded(file: bytes) -> Samples:
    return np.array(decode_audio(file, LONG_SECONDS), np.float32)


def noises() -> Iterable[Samples]:
    for rate in RATES:
        for seconds in SECONDS:
            for name in NOISES:
                noise = make_noise(name, seconds, rate, SEED)
                for level in LEVELS:
                    yield decoded(as_wav(at_level(noise, level), rate))


def speech() -> Iterable[Samples]:
    for name in ("voice.m4a", "voice.ogg"):
        yield decoded((SAMPLES / name).read_bytes())
    for language in LANGUAGES:
        for example in held_out(SEED, language, COMMANDS):
            yield example.media.samples  # type: ignore[union-attr] # a recording


def count_spoken(network: VoiceNetwork, recordings: Iterable[Samples]) -> tuple[int, int]:
    """Returns how many recordings have speech, and how many there are."""
    found = []
    for samples in recordings:
        search = SpeechSearch(network, samples)
        for _ in search:
            pass
        found.append(bool(search.spans))
    return sum(found), len(found)


async def measure_long(samples: Samples) -> dict[str, float]:
    finder = SpeechFinder()
    await finder.find(samples[:16_000])
    longest = 0.0
    cpu, started = time.process_time(), time.monotonic()
    search = asyncio.create_task(finder.find(samples))
    while not search.done():
        before = time.monotonic()
        await asyncio.sleep(HEARTBEAT_SECONDS)
        longest = max(longest, time.monotonic() - before - HEARTBEAT_SECONDS)
    wall, used = time.monotonic() - started, time.process_time() - cpu
    finder.close()
    return {
        "five_minutes_seconds": round(wall, 2),
        "cpu_ms_per_second": round(used / LONG_SECONDS * 1000, 2),
        "longest_loop_delay_ms": round(longest * 1000, 1),
    }


def main() -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    started = time.monotonic()
    network = VoiceNetwork()
    figures: dict[str, float] = {
        "load_ms": round((time.monotonic() - started) * 1000, 1),
        "load_mib": round((process.memory_info().rss - before) / 2**20, 1),
    }
    false_alarms, silent = count_spoken(network, noises())
    heard, spoken = count_spoken(network, speech())
    figures |= {"without_speech": silent, "false_alarms": false_alarms}
    figures |= {"with_speech": spoken, "misses": spoken - heard}
    figures |= asyncio.run(
        measure_long(np.resize(decoded((SAMPLES / "voice.m4a").read_bytes()), LONG_SECONDS * 16_000))
    )
    print_figures("Voices found before the model", figures)
    print(json.dumps(figures | {"seed": SEED, "hardware": hardware_and_versions("numpy")}))


if __name__ == "__main__":
    main()
