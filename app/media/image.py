"""From a picture's bytes to upright RGB pixels. Runs in a decoding thread.

Pillow's format classes are used directly, each only for bytes that were recognised as its own: no
registry and no global setting of Pillow is touched, and no other decoder ever sees the file.
"""

import io
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from app.errors import ImageTooLarge, InvalidImage
from app.media.sniff import sniff
from inference import Image

MAX_JPEG_SCANS = 100  # encoders write about ten; each costs a pass over all pixels
_START_OF_SCAN = b"\xff\xda"
_EXIF_ORIENTATION = 0x0112
_WHITE = (255, 255, 255)
_STRIP_PIXELS = 1_000_000

_IMAGE_CLASSES: Final[dict[str | None, type[ImageFile]]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "heic": HeifImageFile,
    "avif": AvifImageFile,
    "gif": GifImageFile,
    "bmp": BmpImageFile,
}
# EXIF orientation -> the view of an upright array that has the rows and columns as they are stored.
_AS_STORED: Final[dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
    8: lambda upright: np.rot90(upright, -1),
}
_TURNED = frozenset({5, 6, 7, 8})  # rows become columns


def decode_image(data: bytes, max_pixels: int) -> Image:
    """Raises `InvalidImage`, and `ImageTooLarge` before memory for the pixels is taken.

    Of an animation the first frame is taken, what is transparent becomes white, deeper colours
    become 8 bits, and the orientation that a camera noted is applied.
    """
    media_format = sniff(data)
    image_class = _IMAGE_CLASSES.get(media_format)
    if image_class is None:
        raise InvalidImage
    try:
        if media_format == "webp":  # opening it allocates two canvases
            _check_size(_webp_size(data), max_pixels)
        if media_format == "jpeg" and data.count(_START_OF_SCAN) > MAX_JPEG_SCANS:
            raise InvalidImage
        with image_class(io.BytesIO(data)) as image:
            _check_size(image.size, max_pixels)
            image.load()
            _check_size(image.size, max_pixels)  # HEIC says its size again while it is decoded
            return Image(_pixels(image))
    except (InvalidImage, ImageTooLarge):
        raise
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise ImageTooLarge from error
    except Exception as error:  # decoders raise anything, from SyntaxError to ZeroDivisionError
        raise InvalidImage from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InvalidImage
    if width * height > max_pixels:
        raise ImageTooLarge


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height from the first chunk, https://developers.google.com/speed/webp/docs/riff_container."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        return (
            int.from_bytes(data[24:27], "little") + 1,
            int.from_bytes(data[27:30], "little") + 1,
        )
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return (
            int.from_bytes(data[26:28], "little") & 0x3FFF,
            int.from_bytes(data[28:30], "little") & 0x3FFF,
        )
    raise InvalidImage


def _pixels(image: PillowImage.Image) -> NDArray[np.uint8]:
    """(H, W, 3), C-contiguous. Strip by strip, so that no second copy of the whole is ever held."""
    orientation = _orientation(image)
    width, height = image.size
    shape = (width, height, 3) if orientation in _TURNED else (height, width, 3)
    upright = np.empty(shape, np.uint8)
    stored = _AS_STORED[orientation](upright)  # (height, width, 3)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        stored[top:bottom] = np.asarray(_to_rgb(image.crop((0, top, width, bottom))))
    return upright


def _orientation(image: PillowImage.Image) -> int:
    try:
        orientation = int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises anything on broken metadata, and the picture itself is fine
        return 1
    return orientation if orientation in _AS_STORED else 1


def _to_rgb(image: PillowImage.Image) -> PillowImage.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow's convert would clip, not scale
        grey = np.asarray(image).astype(np.uint32) >> 8
        image = PillowImage.fromarray(np.minimum(grey, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    background = PillowImage.new("RGB", layer.size, _WHITE)
    background.paste(layer, mask=layer)
    return background
