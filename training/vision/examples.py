"""Pictures with questions: screens to tap and read, shapes to name and count, signs to read.

The same generator state gives the same example. Training pictures are small, held-out ones of the
sizes that phones and cameras have; the model sees both at the same scale.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as Pictures

from inference.types import Image
from training.example import Example, Language, Split
from training.vision.backgrounds import photo_background
from training.vision.degradation import degrade
from training.vision.fonts import SYSTEM_FONTS, choose_faces
from training.vision.palette import choose_palette
from training.vision.questions import Questioner
from training.vision.screens import SCREENS
from training.vision.shape_questions import ShapeQuestioner
from training.vision.shapes import draw_shapes
from training.vision.signs import Subject, draw_sign, draw_subject
from training.vision.sizes import (
    PHOTOS,
    TURNED_PHOTO_SHARE,
    TURNED_SHARE,
    choose_size,
    training_size,
    units_of,
)
from training.vision.sizes import (
    SCREENS as SCREEN_SIZES,
)
from training.vision.sketch import Sketch

Kind = Literal["screen", "shapes", "label", "unlisted", "unseen"]
Scale = tuple[float, float]  # least and most pixels to a unit of training pictures

SCREEN_SCALE: Scale = (1.0, 1.6)
SHAPES_SCALE: Scale = (0.45, 1.2)
LABEL_SCALE: Scale = (0.25, 1.05)
SCREEN_TURNS, SHAPES_TURNS = 10, 8


def screen_example(
    rng: random.Random,
    split: Split,
    scale: Scale = SCREEN_SCALE,
    fonts: Path = SYSTEM_FONTS,
    most_turns: int = SCREEN_TURNS,
) -> Example:
    native = choose_size(rng, SCREEN_SIZES[split], TURNED_SHARE)
    size = training_size(rng, native, scale) if split == "train" else native
    language: Language = rng.choice(("en", "zh"))
    while True:
        faces = choose_faces(rng, split, fonts)
        sketch = Sketch(rng, split, language, choose_palette(rng, split), faces, size)
        rng.choices(list(SCREENS), list(SCREENS.values()))[0](sketch)
        if len(sketch.elements) >= 3:
            break
    turns = Questioner(sketch).turns(most_turns)
    return Example(turns, _finish(rng, sketch.image), marks=tuple(sketch.marks))


def shapes_example(
    rng: random.Random, split: Split, scale: Scale = SHAPES_SCALE, most_turns: int = SHAPES_TURNS
) -> Example:
    native = choose_size(rng, PHOTOS[split], TURNED_PHOTO_SHARE)
    size = training_size(rng, native, scale) if split == "train" else native
    while True:
        image = photo_background(rng, split, size)
        placed = draw_shapes(rng, image)
        if placed:
            break
    turns = ShapeQuestioner(rng, split, placed, units_of(size)).turns(most_turns)
    marks = tuple(place.mark(units_of(size)) for place in placed)
    return Example(turns, _finish(rng, image, jpeg_share=0.9), marks=marks)


def label_example(
    rng: random.Random,
    split: Split,
    scale: Scale = LABEL_SCALE,
    fonts: Path = SYSTEM_FONTS,
    subject: Subject | None = None,
) -> Example:
    """`subject` is drawn unless given."""
    native = choose_size(rng, PHOTOS[split], TURNED_PHOTO_SHARE)
    size = training_size(rng, native, scale) if split == "train" else native
    size = size[0], round(size[1] * rng.uniform(0.4, 1.0))  # a crop of a photo
    image, turns, mark = draw_sign(rng, split, size, fonts, subject or draw_subject(rng, split))
    return Example(turns, _finish(rng, image, jpeg_share=0.9), marks=(mark,))


def held_out(seed: int, kind: Kind, count: int, fonts: Path = SYSTEM_FONTS) -> Iterator[Example]:
    """Yields a test set: the same for the same seed, however many of it are taken."""
    for index in range(count):
        rng = random.Random(f"held out {kind} {seed} {index}")
        if kind == "screen":
            yield screen_example(rng, "held_out", fonts=fonts)
        elif kind == "shapes":
            yield shapes_example(rng, "held_out")
        else:
            subject: Subject | None = None if kind == "label" else kind
            yield label_example(rng, "held_out", fonts=fonts, subject=subject)


def _finish(rng: random.Random, image: Pictures.Image, jpeg_share: float = 0.7) -> Image:
    return Image(np.array(degrade(rng, image, jpeg_share)))
