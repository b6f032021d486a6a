"""Photo-like backgrounds: fields of muted colour, grain, planks, landscapes, uneven light.

Drawn at about the model's own scale and enlarged: what lies behind need not be sharp.
"""

import colorsys
import random
from collections.abc import Callable

from PIL import Image, ImageChops

from training.example import Split
from training.vision.palette import Colour
from training.vision.sizes import Size, units_of

MUTED = 0.45  # largest saturation of a background; shapes are more vivid


def photo_background(rng: random.Random, split: Split, size: Size) -> Image.Image:
    width, height = units_of(size)
    small = (round(width), round(height))
    image = rng.choice(_KINDS[split])(rng, small)
    if rng.random() < 0.6:
        image = ImageChops.multiply(image, _light(rng, small))
    if rng.random() < 0.6:
        image = _with_grain(rng, image)
    return image if small == size else image.resize(size, Image.Resampling.BICUBIC)


def muted_colour(rng: random.Random, brightness: tuple[float, float] = (0.12, 0.95)) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, MUTED), rng.uniform(*brightness))
    return round(red * 255), round(green * 255), round(blue * 255)


def _around(rng: random.Random, brightness: float, spread: float) -> Colour:
    return muted_colour(rng, (max(0.05, brightness - spread), min(1.0, brightness + spread)))


def _field(rng: random.Random, size: Size, columns: int, rows: int, spread: float) -> Image.Image:
    """Colours of about one brightness that flow into each other."""
    brightness = rng.uniform(0.1, 0.95)
    seeds = Image.new("RGB", (columns, rows))
    seeds.putdata([_around(rng, brightness, spread) for _ in range(columns * rows)])
    return seeds.resize(size, Image.Resampling.BICUBIC)


def _gradient(rng: random.Random, size: Size) -> Image.Image:
    return _field(rng, size, 2, 2, 0.3)


def _blobs(rng: random.Random, size: Size) -> Image.Image:
    return _field(rng, size, rng.randint(3, 9), rng.randint(3, 7), 0.12)


def _stripes(rng: random.Random, size: Size) -> Image.Image:
    """Wood or cloth: many thin bands of one colour, upright or lying."""
    count, base = rng.randint(12, 60), muted_colour(rng)
    depth = rng.randint(6, 24)
    seeds = Image.new("RGB", (count, 1))
    shades = [rng.randint(-depth, depth) for _ in range(count)]
    seeds.putdata([tuple(max(0, min(255, part + shade)) for part in base) for shade in shades])
    if rng.random() < 0.5:
        seeds = seeds.transpose(Image.Transpose.ROTATE_90)
    return seeds.resize(size, Image.Resampling.BICUBIC)


def _planks(rng: random.Random, size: Size) -> Image.Image:
    """Boards or bricks with dark gaps."""
    image = _stripes(rng, size)
    step, offset = rng.randint(30, 90), rng.randrange(30)
    gap = muted_colour(rng, (0.1, 0.5))
    for y in range(offset, size[1], step):
        image.paste(gap, (0, y, size[0], y + 2))
    return image


def _landscape(rng: random.Random, size: Size) -> Image.Image:
    """Light above, dark below, like a sky and the ground."""
    horizon = round(size[1] * rng.uniform(0.25, 0.75))
    image = Image.new("RGB", size)
    sky, ground = rng.uniform(0.6, 0.95), rng.uniform(0.2, 0.5)
    for top, bottom, brightness in ((0, horizon, sky), (horizon, size[1], ground)):
        seeds = Image.new("RGB", (3, 2))
        seeds.putdata([_around(rng, brightness, 0.06) for _ in range(6)])
        image.paste(seeds.resize((size[0], bottom - top), Image.Resampling.BICUBIC), (0, top))
    return image


def _plain(rng: random.Random, size: Size) -> Image.Image:
    return Image.new("RGB", size, muted_colour(rng, (0.05, 1.0)))


def _light(rng: random.Random, size: Size) -> Image.Image:
    """A factor for each place, as a lamp or a window gives."""
    seeds = Image.new("L", (3, 3))
    seeds.putdata([rng.randint(165, 255) for _ in range(9)])
    return seeds.resize(size, Image.Resampling.BICUBIC).convert("RGB")


def _with_grain(rng: random.Random, image: Image.Image) -> Image.Image:
    """Adds noise, finer or coarser."""
    coarseness = rng.choice((1, 1, 2, 4))
    small = (max(1, image.width // coarseness), max(1, image.height // coarseness))
    depth = rng.randint(6, 40)
    grain = Image.frombytes("L", small, rng.randbytes(small[0] * small[1])).resize(image.size)
    grain = grain.point([round(value * depth / 255) for value in range(256)]).convert("RGB")
    return ImageChops.subtract(ImageChops.add(image, grain), Image.new("RGB", image.size, (depth // 2,) * 3))


Kind = Callable[[random.Random, Size], Image.Image]
_TRAIN: tuple[Kind, ...] = (_gradient, _blobs, _stripes, _landscape, _plain)
_KINDS: dict[Split, tuple[Kind, ...]] = {"train": _TRAIN, "held_out": (*_TRAIN, _planks)}
