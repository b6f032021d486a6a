"""What cameras, apps and networks do to a picture: brightness, resizing, blur, noise, JPEG."""

import io
import random

from PIL import Image, ImageFilter

from training.vision.sizes import VIEW


def degrade(rng: random.Random, image: Image.Image, jpeg_share: float = 0.7) -> Image.Image:
    """Returns the picture a little worse, in the same size. Nothing moves."""
    if rng.random() < 0.3:
        image = _lit_otherwise(rng, image)
    if rng.random() < 0.2:
        image = _resized(rng, image)
    elif rng.random() < 0.1:
        radius = rng.uniform(0.2, 0.6) * max(1.0, image.width * image.height / VIEW) ** 0.5
        image = image.filter(ImageFilter.BoxBlur(radius))
    if rng.random() < jpeg_share:
        image = _compressed(rng, image)
    return image


def _lit_otherwise(rng: random.Random, image: Image.Image) -> Image.Image:
    """Brightness and contrast, each by up to a sixth."""
    gain, shift = rng.uniform(0.85, 1.1), rng.uniform(-12, 12)
    table = [max(0, min(255, round((value - 128) * gain + 128 + shift))) for value in range(256)]
    return image.point(table * 3)


def _resized(rng: random.Random, image: Image.Image) -> Image.Image:
    shrink = rng.uniform(0.75, 0.97)
    small = (round(image.width * shrink), round(image.height * shrink))
    way = rng.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS))
    return image.resize(small, way).resize(image.size, Image.Resampling.BILINEAR)


def _compressed(rng: random.Random, image: Image.Image) -> Image.Image:
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=rng.randint(50, 95), subsampling=rng.choice((0, 2)))
    return Image.open(encoded)
