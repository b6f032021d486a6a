"""The home screen: rows of apps on a wallpaper."""

from PIL import Image

from training.vision.labels import pool
from training.vision.palette import is_dark, mix
from training.vision.sketch import Box, Element, Sketch
from training.vision.widgets import MARGIN, status_bar, text_field


def draw_home(sketch: Sketch) -> None:
    sketch.kind = "home"
    rng, language = sketch.rng, sketch.language
    _wallpaper(sketch)
    top = status_bar(sketch) + rng.uniform(4, 40)
    if rng.random() < 0.4 and (label := sketch.choose_label(pool("fields", language)[:1], 200, sketch.em)):
        text_field(sketch, (MARGIN, top, sketch.width - MARGIN, top + 44), label, icon="search")
        top += 60
    columns = max(3, round(sketch.width / rng.uniform(86, 118)))
    cell = (sketch.width - 8) / columns
    tile = min(cell * rng.uniform(0.5, 0.68), 64.0)
    em = sketch.small_em
    height = tile + 1.5 * em + rng.uniform(10, 34)
    radius = tile * rng.choice((0.12, 0.24, 0.5))
    rows = min(rng.randint(2, 6), int((sketch.height - top - 14) / height))
    missing = rng.randrange(columns) if rows > 1 else 0  # the last row is rarely full
    for index in range(rows * columns - missing):
        x = 4 + cell * (index % columns + 0.5)
        y = top + height * (index // columns)
        label = sketch.choose_label(pool("apps", language), cell - 5, em)
        if label is None:
            continue
        _tile(sketch, label, (x - tile / 2, y, x + tile / 2, y + tile), radius)
        written = sketch.write(label, x, y + tile + 0.85 * em, em, _ink(sketch), anchor="middle")
        half = min(cell / 2, max(tile, written[2] - written[0]) / 2 + 2)
        sketch.add(Element("app", label, (x - half, y, x + half, written[3])))


def _ink(sketch: Sketch) -> tuple[int, int, int]:
    return (255, 255, 255) if is_dark(sketch.palette.background) else (20, 20, 24)


def _wallpaper(sketch: Sketch) -> None:
    """A smooth field of colours no further from the background than its ink allows."""
    background = sketch.palette.background
    corners = [mix(background, sketch.vivid(), sketch.rng.uniform(0, 0.35)) for _ in range(6)]
    seeds = Image.new("RGB", (2, 3))
    seeds.putdata(corners)
    sketch.image.paste(seeds.resize(sketch.size, Image.Resampling.BICUBIC))


def _tile(sketch: Sketch, label: str, box: Box, radius: float) -> None:
    left, top, right, bottom = box
    sketch.fill(box, sketch.vivid(), radius)
    if icon := sketch.choose_glyph(label):
        sketch.icon(icon, (left + right) / 2, (top + bottom) / 2, (right - left) * 0.58, (255, 255, 255))
