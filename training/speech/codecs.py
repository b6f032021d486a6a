"""Which codecs phones send recordings with, and at which bit rates."""

import random
from dataclasses import dataclass
from typing import Literal

from training.example import Split

CodecName = Literal["opus", "aac", "amr"]

# Those of the held-out set are what phones send; training goes a little beyond.
BIT_RATES: dict[Split, dict[CodecName, tuple[int, ...]]] = {
    "train": {
        "opus": (12_000, 20_000, 32_000),
        "aac": (24_000, 40_000, 48_000),
        "amr": (5_900, 7_400, 12_200),
    },
    "held_out": {
        "opus": (16_000, 24_000),
        "aac": (32_000, 64_000),
        "amr": (7_950, 10_200, 12_200),
    },
}


@dataclass(frozen=True, slots=True)
class Codec:
    name: CodecName
    bit_rate: int  # bits a second; AMR has eight of its own, 4,750 to 12,200


def draw_codec(rng: random.Random, split: Split) -> Codec:
    name: CodecName = rng.choice(("opus", "aac", "amr"))
    return Codec(name, rng.choice(BIT_RATES[split][name]))
