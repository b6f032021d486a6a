"""Who speaks in the held-out set was never heard in training, and is who it is said to be."""

import random

import pytest

from training.speech.espeak import SAMPLE_RATE, Manner, speak
from training.speech.voices import ACCENTS, VARIANTS, draw_voice

from .measures import pitch

EVERY_VARIANT = [
    (sex, variant) for split in VARIANTS for sex in VARIANTS[split] for variant in VARIANTS[split][sex]
]
EVERY_ACCENT = sorted(
    {accent for splits in ACCENTS.values() for names in splits.values() for accent in names}
)


def test_held_out_variants_are_of_both_sexes_and_no_training_ones():
    for sex in ("female", "male"):
        assert len(VARIANTS["held_out"][sex]) >= 3
        assert not set(VARIANTS["held_out"][sex]) & {*VARIANTS["train"]["female"], *VARIANTS["train"]["male"]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_drawn_voices_are_of_their_split(language):
    rng = random.Random(1)
    voices = {split: {draw_voice(rng, split, language).name for _ in range(500)} for split in VARIANTS}
    assert not voices["train"] & voices["held_out"]
    variants = {name.partition("+")[2] for name in voices["held_out"]}
    assert variants == {*VARIANTS["held_out"]["female"], *VARIANTS["held_out"]["male"]}


def test_each_variant_is_a_voice_of_its_own_and_as_high_as_its_sex():
    heard = set()
    for sex, variant in EVERY_VARIANT:
        said = speak("Where did you put the keys?", f"en-us+{variant}", Manner(), seed=1)
        heard.add(said.tobytes())
        assert (pitch(said, SAMPLE_RATE) > 166) == (sex == "female"), variant
    assert len(heard) == len(EVERY_VARIANT)


def test_each_accent_is_installed():
    said = {speak("你好 water", f"{accent}+m6", Manner(), seed=1).tobytes() for accent in EVERY_ACCENT}
    assert len(said) == len(EVERY_ACCENT)
