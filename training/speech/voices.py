"""Who speaks: languages, accents and variants of eSpeak NG, some of them kept for the held-out set.

Robots, whispers and what cannot be understood are left out. So are training variants that differ from
a held-out one in little but their names.
"""

import random
from dataclasses import dataclass
from typing import Literal

from training.example import Language, Split
from training.speech.espeak import Manner

Sex = Literal["female", "male"]

ACCENTS: dict[Language, dict[Split, tuple[str, ...]]] = {
    "en": {
        "train": (
            "en-us",
            "en-us",
            "en",
            "en-us-nyc",
            "en-029",
            "en-gb-scotland",
            "en-gb-x-gbclan",
        ),  # "en": British
        "held_out": ("en-us", "en", "en-gb-x-rp"),
    },
    "zh": {"train": ("cmn",), "held_out": ("cmn",)},
}

VARIANTS: dict[Split, dict[Sex, tuple[str, ...]]] = {
    "train": {
        "female": (
            "f1", "f2", "f3", "f5", "Alicia", "Andrea", "aunty", "belinda", "grandma", "shelby", "steph",
            "steph3",
        ),
        "male": (
            "m1", "m2", "m3", "m4", "m5", "m7", "m8", "Alex", "Andy", "Denis", "Gene2", "Jacky", "Lee",
            "Mario", "Mike", "Nguyen", "Reed", "benjamin", "boris", "ed", "grandpa", "iven3", "john", "max",
            "miguel", "paul", "quincy", "rob", "sandro",
        ),
    },
    "held_out": {
        "female": ("f4", "Annie", "anika"),
        "male": ("m6", "Michael", "Hugo", "Storm", "pablo"),
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Voice:
    name: str  # eSpeak NG's: language and variant
    sex: Sex
    manner: Manner


def draw_voice(rng: random.Random, split: Split, language: Language) -> Voice:
    sex: Sex = rng.choice(("female", "male"))
    accent, variant = rng.choice(ACCENTS[language][split]), rng.choice(VARIANTS[split][sex])
    manner = Manner(
        rate=rng.randint(135, 215),
        pitch=round(min(max(rng.gauss(50, 12), 20), 80)),
        pitch_range=rng.randint(30, 80),
        word_gap=rng.choice((0, 0, 0, 1, 2, 4)),
    )
    return Voice(f"{accent}+{variant}", sex, manner)
