"""How large pictures are, and the scale at which the model sees them.

Everything is laid out in units of about one pixel of the model's view, and drawn at any number of
pixels to the unit, so that a phone's own size and a small training picture look the same.
"""

import math
import random

from training.example import Split

Size = tuple[int, int]  # width, height

CELL, MAX_CELLS = 32, 256  # of the embedded model's vision tower, in pixels and cells
VIEW = CELL * CELL * MAX_CELLS  # pixels that a large picture is shrunk to

# Of phones, upright; a sixth of them is turned.
_TRAIN_SCREENS: tuple[Size, ...] = (
    (720, 1280),
    (1080, 1920),
    (1080, 2160),
    (1080, 2280),
    (1080, 2340),
    (1080, 2400),
    (1170, 2532),
    (1440, 3040),
    (1080, 2520),
    (1536, 2048),
    (1600, 2560),
)
_HELD_OUT_SCREENS: tuple[Size, ...] = (
    (720, 1600),
    (1080, 2376),
    (1125, 2436),
    (1179, 2556),
    (1260, 2800),
    (1290, 2796),
    (1440, 3200),
    (828, 1792),
    (750, 1334),
    (1620, 2160),
)
SCREENS: dict[Split, tuple[Size, ...]] = {"train": _TRAIN_SCREENS, "held_out": _HELD_OUT_SCREENS}

# Of cameras.
_TRAIN_PHOTOS: tuple[Size, ...] = ((3264, 2448), (4000, 2250), (3000, 3000), (4032, 2268))
_HELD_OUT_PHOTOS: tuple[Size, ...] = ((4000, 3000), (4032, 3024), (4608, 2592), (3456, 3456), (1920, 1280))
PHOTOS: dict[Split, tuple[Size, ...]] = {"train": _TRAIN_PHOTOS, "held_out": _HELD_OUT_PHOTOS}

TURNED_SHARE = 1 / 6
TURNED_PHOTO_SHARE = 0.4


def choose_size(rng: random.Random, sizes: tuple[Size, ...], turned_share: float) -> Size:
    width, height = rng.choice(sizes)
    return (height, width) if rng.random() < turned_share else (width, height)


def units_of(size: Size) -> tuple[float, float]:
    """Returns the width and height of a picture's layout: as many units as the model sees pixels."""
    shrink = min(1.0, math.sqrt(VIEW / (size[0] * size[1])))
    return size[0] * shrink, size[1] * shrink


def training_size(rng: random.Random, native: Size, scale: tuple[float, float]) -> Size:
    """Returns a size of a native one's shape with a random number of pixels to the unit, rather few."""
    width, height = units_of(native)
    pixels = rng.triangular(*scale, scale[0])
    return round(width * pixels), round(height * pixels)
