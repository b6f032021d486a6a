"""The colours of screens: made by hand for what apps look like, varied a little for each picture."""

import random
from dataclasses import dataclass

from training.example import Split

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    background: Colour
    surface: Colour  # cards, fields, bars
    text: Colour
    faint: Colour  # hints, second lines, dividers' ink
    accent: Colour  # buttons, switches that are on, chosen tabs
    on_accent: Colour  # text upon accent


def _colours(codes: str) -> tuple[Colour, ...]:
    values = [int(code, 16) for code in codes.split()]
    return tuple((value >> 16, value >> 8 & 255, value & 255) for value in values)


def _palettes(table: str) -> tuple[Palette, ...]:
    return tuple(Palette(*_colours(row)) for row in table.strip().splitlines())


# background, surface, text, faint, accent, on_accent
_TRAIN = _palettes("""
    ffffff f2f2f7 000000 8a8a8e 007aff ffffff
    f2f2f7 ffffff 111111 808085 34a853 ffffff
    fafafa ffffff 202124 70757a 1a73e8 ffffff
    ffffff f5f5f5 333333 888888 ff5000 ffffff
    f7f7f7 ffffff 191919 8c8c8c 07c160 ffffff
    fffbfe e7e0ec 1c1b1f 79747e 6750a4 ffffff
    f4f1ea fffdf8 2d2a26 8f877b b5533c ffffff
    eef3fb ffffff 1b2b44 7587a3 d6336c ffffff
    e8f5e9 ffffff 1b3320 6d8a71 00796b ffffff
    fff8e1 ffffff 3a2f10 94845a f9a825 201800
    000000 1c1c1e ffffff 8e8e93 0a84ff ffffff
    121212 242424 e8e8e8 9a9a9a bb86fc 120020
    1c1b1f 2f2d33 e6e1e5 938f99 d0bcff 381e72
    0f1720 1c2733 e5edf5 8094a8 38bdf8 04202e
    191919 2c2c2c d6d6d6 8a8a8a 07c160 ffffff
    202020 303030 f0f0f0 a0a0a0 ff6b35 ffffff
""")
_HELD_OUT = _palettes("""
    fdfdfd f0f4f8 1f2933 7b8794 3e63dd ffffff
    f6f5f9 ffffff 221d33 857f96 c2410c ffffff
    f3f7f4 ffffff 14251c 73857b 0b8f5a ffffff
    fffaf7 f6ece6 30201a 98847a be123c ffffff
    161a1d 262b30 eceff1 90989e 4cc38a 06210f
    14101c 2a2434 eee8f5 978fa3 f472b6 30061c
""")
PALETTES: dict[Split, tuple[Palette, ...]] = {"train": _TRAIN, "held_out": _HELD_OUT}

# Where app icons and pictures get their colours.
VIVID: dict[Split, tuple[Colour, ...]] = {
    "train": _colours("1aad19 ff5722 2196f3 9c27b0 f44336 009688 ffb300 3f51b5 e91e63 607d8b"),
    "held_out": _colours("2fa84f e4572e 2d7dd2 8a3ffc d7263d 1b998b eab308 475569"),
}


def choose_palette(rng: random.Random, split: Split) -> Palette:
    return rng.choice(PALETTES[split])


def vary(rng: random.Random, colour: Colour, spread: int) -> Colour:
    red, green, blue = (max(0, min(255, part + rng.randint(-spread, spread))) for part in colour)
    return red, green, blue


def is_dark(colour: Colour) -> bool:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 128


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Returns `share` of the second colour and the rest of the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
