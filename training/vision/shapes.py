"""Coloured shapes: how they look, and drawing some of them on a background."""

import colorsys
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.example import Language, Mark
from training.vision.palette import Colour
from training.vision.sizes import Size, units_of

OVERSAMPLING = 2
CONTRAST = 105.0  # distance in RGB between a shape and what lies behind it
SMALLEST_RADIUS = 17.0  # units
MOST_SHAPES = 7
SHADOW = [value * 2 // 5 for value in range(256)]  # how dark a shadow is where the shape is opaque

# Singular and plural.
SHAPES: dict[str, dict[Language, tuple[str, str]]] = {
    "circle": {"en": ("circle", "circles"), "zh": ("圆形", "圆形")},
    "square": {"en": ("square", "squares"), "zh": ("正方形", "正方形")},
    "triangle": {"en": ("triangle", "triangles"), "zh": ("三角形", "三角形")},
    "star": {"en": ("star", "stars"), "zh": ("五角星", "五角星")},
    "heart": {"en": ("heart", "hearts"), "zh": ("心形", "心形")},
    "diamond": {"en": ("diamond", "diamonds"), "zh": ("菱形", "菱形")},
    "cross": {"en": ("cross", "crosses"), "zh": ("十字形", "十字形")},
}
COLOURS: dict[str, dict[Language, str]] = {
    "red": {"en": "red", "zh": "红色"},
    "orange": {"en": "orange", "zh": "橙色"},
    "yellow": {"en": "yellow", "zh": "黄色"},
    "green": {"en": "green", "zh": "绿色"},
    "blue": {"en": "blue", "zh": "蓝色"},
    "purple": {"en": "purple", "zh": "紫色"},
    "pink": {"en": "pink", "zh": "粉色"},
    "white": {"en": "white", "zh": "白色"},
    "black": {"en": "black", "zh": "黑色"},
}
# Ranges of hue in degrees, saturation and value.
_RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-8, 5), (0.8, 1.0), (0.72, 0.95)),
    "orange": ((22, 32), (0.85, 1.0), (0.93, 1.0)),
    "yellow": ((49, 57), (0.75, 1.0), (0.92, 1.0)),
    "green": ((105, 145), (0.6, 1.0), (0.45, 0.8)),
    "blue": ((207, 235), (0.7, 1.0), (0.6, 0.98)),
    "purple": ((268, 286), (0.6, 0.9), (0.45, 0.78)),
    "pink": ((328, 342), (0.35, 0.55), (0.95, 1.0)),
    "white": ((0, 360), (0.0, 0.03), (0.95, 1.0)),
    "black": ((0, 360), (0.0, 0.3), (0.0, 0.1)),
}
Group = tuple[str, str]  # shape, colour


@dataclass(frozen=True, slots=True)
class Placed:
    group: Group
    x: float
    y: float
    radius: float  # all in units

    def mark(self, size: tuple[float, float]) -> Mark:
        """size: of the picture, in units."""
        (shape, colour), (width, height), radius = self.group, size, self.radius
        left, top = (self.x - radius) / width, (self.y - radius) / height
        right, bottom = (self.x + radius) / width, (self.y + radius) / height
        return Mark(f"{colour} {shape}", (left, top, right, bottom), is_writing=False)


def outline(shape: str) -> list[tuple[float, float]]:
    """Returns the corners of a shape that fits a circle of radius 1; y runs downwards."""
    if shape == "circle":
        return _regular(48)
    if shape == "square":
        return [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]
    if shape == "triangle":
        return _regular(3)
    if shape == "diamond":
        return [(0, -1), (0.68, 0), (0, 1), (-0.68, 0)]
    if shape == "star":
        return [(x * (1, 0.42)[i % 2], y * (1, 0.42)[i % 2]) for i, (x, y) in enumerate(_regular(10))]
    if shape == "cross":
        quarter = [(-0.3, -0.95), (0.3, -0.95), (0.3, -0.3)]
        points = []
        for _ in range(4):
            points += quarter
            quarter = [(-y, x) for x, y in quarter]
        return points
    points = []
    for step in range(48):
        angle = step * math.pi / 24
        y = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
        points.append((16 * math.sin(angle) ** 3 / 17, -y / 17))
    return points


def _regular(corners: int) -> list[tuple[float, float]]:
    angles = [2 * math.pi * step / corners - math.pi / 2 for step in range(corners)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def draw_shapes(rng: random.Random, image: Image.Image) -> list[Placed]:
    """Draws groups of equal shapes where they can be told from the background; returns what it drew."""
    width, height = units_of(image.size)
    pixels = image.width / width
    largest = min(width, height) * 0.2
    placed: list[Placed] = []
    for group, count in _choose_groups(rng):
        radius = rng.uniform(max(SMALLEST_RADIUS, 0.45 * largest), max(SMALLEST_RADIUS, largest))
        colour = _colour(rng, group[1])
        for _ in range(count):
            place = _find_place(rng, image, placed, group, radius * rng.uniform(0.85, 1), colour)
            if place:
                _draw(rng, image, place, colour, pixels)
                placed.append(place)
    return placed


def _choose_groups(rng: random.Random) -> Iterator[tuple[Group, int]]:
    shapes = rng.sample(list(SHAPES), 3)
    colours = rng.sample(list(COLOURS), 3)
    if rng.random() < 0.15:
        shapes[1] = shapes[0]
    elif rng.random() < 0.15:
        colours[1] = colours[0]
    left = MOST_SHAPES
    for index in range(rng.choice((1, 1, 1, 1, 2, 2, 2, 3))):
        count = min(left, rng.choice((1, 1, 1, 1, 2, 2, 2, 3, 3, 4)))
        left -= count
        if count:
            yield (shapes[index], colours[index]), count


def _colour(rng: random.Random, name: str) -> Colour:
    hue, saturation, value = (rng.uniform(*bounds) for bounds in _RANGES[name])
    red, green, blue = colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _find_place(
    rng: random.Random, image: Image.Image, placed: list[Placed], group: Group, radius: float, colour: Colour
) -> Placed | None:
    width, height = units_of(image.size)
    pixels, margin = image.width / width, radius + 2
    for _ in range(24):
        x, y = rng.uniform(margin, width - margin), rng.uniform(margin, height - margin)
        if any(math.hypot(x - other.x, y - other.y) < radius + other.radius + 6 for other in placed):
            continue
        box = (x - radius) * pixels, (y - radius) * pixels, (x + radius) * pixels, (y + radius) * pixels
        behind = image.resize((1, 1), Image.Resampling.BOX, box)  # the average
        if math.dist(behind.tobytes(), colour) >= CONTRAST:
            return Placed(group, x, y, radius)
    return None


def _draw(rng: random.Random, image: Image.Image, place: Placed, colour: Colour, pixels: float) -> None:
    shape = place.group[0]
    side = max(2, round(2 * place.radius * pixels))
    turn = rng.uniform(-0.22, 0.22)
    sine, cosine, half = math.sin(turn), math.cos(turn), side * OVERSAMPLING / 2
    points = [
        ((x * cosine - y * sine + 1) * half, (x * sine + y * cosine + 1) * half) for x, y in outline(shape)
    ]
    mask = Image.new("L", (side * OVERSAMPLING,) * 2)
    ImageDraw.Draw(mask).polygon(points, 255)
    mask = mask.reduce(OVERSAMPLING)
    corner = round((place.x - place.radius) * pixels), round((place.y - place.radius) * pixels)
    if rng.random() < 0.35:
        offset = max(1, round(place.radius * 0.09 * pixels))
        shadow = mask.filter(ImageFilter.BoxBlur(offset * 0.6)).point(SHADOW)
        image.paste((0, 0, 0), (corner[0] + offset, corner[1] + offset), shadow)
    image.paste(_shaded(rng, colour, mask.size), corner, mask)


def _shaded(rng: random.Random, colour: Colour, size: Size) -> Image.Image:
    """The colour, a little darker towards one side."""
    fill = Image.new("RGB", size, colour)
    if rng.random() < 0.5:
        return fill
    light = Image.new("L", (2, 2))
    light.putdata([rng.randint(205, 255) for _ in range(4)])
    return ImageChops.multiply(fill, light.resize(size, Image.Resampling.BILINEAR).convert("RGB"))
