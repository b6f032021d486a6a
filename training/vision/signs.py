"""One line of writing close up: a label, a sign, a price or a number."""

import random
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw

from training.example import Language, Mark, Split, Turn, asked
from training.vision import numbers
from training.vision.backgrounds import muted_colour, photo_background
from training.vision.fonts import choose_faces, measure, text_mask
from training.vision.labels import all_labels, pool, unlisted_label
from training.vision.palette import Colour, choose_palette, is_dark, vary
from training.vision.questions import phrase
from training.vision.sizes import Size, units_of

SMALLEST_EM, LARGEST_EM = 18.0, 56.0  # units
NUMBER_SHARE = 0.45
UNLISTED_SHARE = 0.4  # of the other signs to learn from
TILT = 4.0  # degrees

Subject = Literal["number", "label", "unlisted", "unseen"]


def draw_subject(rng: random.Random, split: Split) -> Subject:
    if rng.random() < NUMBER_SHARE:
        return "number"
    return "unlisted" if split == "train" and rng.random() < UNLISTED_SHARE else "label"


def draw_sign(
    rng: random.Random, split: Split, size: Size, fonts: Path, subject: Subject
) -> tuple[Image.Image, tuple[Turn, ...], Mark]:
    """Returns a picture of a size, questions about what is written in it, and where that is."""
    language: Language = rng.choice(("en", "zh"))
    faces = choose_faces(rng, split, fonts, any_type=True)
    face = rng.choice((faces.regular, faces.bold))
    width, height = units_of(size)
    pixels = size[0] / width
    while True:
        match subject:
            case "number":
                text = rng.choice((numbers.number, numbers.number, numbers.code))(rng)
            case "label":
                text = rng.choice(all_labels(language))
            case "unlisted":
                text = unlisted_label(rng, split, language)
            case "unseen":
                text = rng.choice(pool("unseen", language))
        largest = min(LARGEST_EM, 0.9 * width / (measure(text, face) + 0.6), 0.6 * height)
        if largest >= SMALLEST_EM:
            break
    em = rng.uniform(max(SMALLEST_EM, 0.4 * largest), largest)
    image = photo_background(rng, split, size)
    writing = text_mask(text, face, em * pixels)
    sign, mask = _board(rng, split, writing, round(em * pixels))
    angle = rng.uniform(-TILT, TILT) if rng.random() < 0.5 else 0.0
    if angle:
        sign = sign.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        mask = mask.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    room = max(0, size[0] - sign.width), max(0, size[1] - sign.height)
    corner = round(room[0] * rng.random()), round(room[1] * rng.random())
    image.paste(sign, corner, mask)
    turns = _ask(rng, split, text, "read.digits" if subject == "number" else "read.sign")
    x, y = corner[0] + sign.width / 2, corner[1] + sign.height / 2
    half = writing.width / 2, em * pixels / 2
    box = (x - half[0]) / size[0], (y - half[1]) / size[1], (x + half[0]) / size[0], (y + half[1]) / size[1]
    return image, turns, Mark(text, box, is_writing=True)


def _board(
    rng: random.Random, split: Split, writing: Image.Image, em: int
) -> tuple[Image.Image, Image.Image]:
    """Returns a board with writing on it and the mask of what is seen of it."""
    pad = round(em * rng.uniform(0.15, 0.3))
    size = writing.width + 2 * pad, writing.height + pad
    paper, ink = _inks(rng, split)
    board, mask = Image.new("RGB", size, paper), Image.new("L", size)
    board.paste(ink, (pad, pad // 2), writing)
    corner = em * rng.choice((0.0, 0.15, 0.4))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), corner, 255)
    return board, mask


def _inks(rng: random.Random, split: Split) -> tuple[Colour, Colour]:
    """Returns the colours of board and writing, well apart."""
    palette = choose_palette(rng, split)
    if rng.random() < 0.4:
        return palette.accent, palette.on_accent
    if rng.random() < 0.5:
        return palette.background, palette.text
    paper = muted_colour(rng, rng.choice(((0.05, 0.35), (0.8, 1.0))))
    ink = (245, 245, 245) if is_dark(paper) else (20, 20, 20)
    return paper, vary(rng, ink, 20)


def _ask(rng: random.Random, split: Split, text: str, kind: str) -> tuple[Turn, ...]:
    turns = []
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        thought = "I read what is written there." if language == "en" else "我读出那里的文字。"
        turns.append(Turn(kind, asked(phrase(rng, kind, language, split)), text, thought))
    return tuple(turns)
