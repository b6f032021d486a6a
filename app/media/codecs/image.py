"""From a picture's bytes to upright RGB pixels, shrunk to what the model takes.

Pillow's format classes are used directly, each only for bytes that were recognised as its own: no
registry and no global setting of Pillow is touched, and no other decoder ever sees the file.
"""

import io
from collections.abc import Callable
from typing import Final, Protocol

import pillow_heif
from PIL import Image as PillowImage
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from app.errors import ImageTooLarge, InvalidImage
from app.media.sniff import sniff
from app.media.structure.image import check_image

_EXIF_ORIENTATION: Final = 0x0112
_WHITE: Final = (255, 255, 255)
_STRIP_PIXELS: Final = 1_000_000
_FILTER_SUPPORT: Final = 2  # rows to each side that bicubic reads, in rows of the smaller picture
# A JPEG is decoded to a half, a quarter or an eighth while that stays this many times the wanted size.
_JPEG_REDUCING_GAP: Final = 2
_LARGE_PIXELS: Final = 25_000_000  # from here on a JPEG's own scaling goes down to the wanted size

_IMAGE_CLASSES: Final[dict[str, type[ImageFile]]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "avif": AvifImageFile,
    "gif": GifImageFile,
    "bmp": BmpImageFile,
}
_UPRIGHT: Final[dict[int, PillowImage.Transpose]] = {  # EXIF orientation -> what makes it upright
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}
_TURNED: Final = frozenset({5, 6, 7, 8})  # rows become columns

Fit = Callable[[int, int], tuple[int, int]]
"""The (height, width) of an upright picture -> the (height, width) that the model takes it in."""


def decode_image(data: bytes, max_pixels: int, fit: Fit) -> PillowImage.Image:
    """Returns an upright picture of mode RGB, shrunk to `fit`'s size and never enlarged.

    Of an animation the first frame is taken, what is transparent becomes white, deeper colours
    become 8 bits, and the orientation that a camera noted is applied.

    Raises `InvalidImage`, and `ImageTooLarge` before memory for the pixels is taken, or when it takes
    more memory than this process has.
    """
    media_format = sniff(data)
    try:
        if media_format == "heic":
            check_image(media_format, data, max_pixels)
            return _decode_heic(data, max_pixels, fit)
        if media_format in _IMAGE_CLASSES:
            check_image(media_format, data, max_pixels)
            return _decode(_IMAGE_CLASSES[media_format], data, max_pixels, fit)
    except (InvalidImage, ImageTooLarge):
        raise
    except (MemoryError, PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise ImageTooLarge from error
    except Exception as error:  # decoders raise anything, from SyntaxError to ZeroDivisionError
        raise InvalidImage from error
    raise InvalidImage


def _decode(image_class: type[ImageFile], data: bytes, max_pixels: int, fit: Fit) -> PillowImage.Image:
    with image_class(io.BytesIO(data)) as image:
        _check_size(image.size, max_pixels)
        orientation = _orientation(image)
        size = _stored_size(image.size, orientation, fit)
        if isinstance(image, JpegImageFile):
            gap = 1 if image.width * image.height > _LARGE_PIXELS else _JPEG_REDUCING_GAP
            image.draft(None, (size[0] * gap, size[1] * gap))
        image.load()
        _check_size(image.size, max_pixels)  # a frame of a GIF may be larger than its canvas
        picture: PillowImage.Image = image
        if image.size != size or image.mode != "RGB" or image.has_transparency_data:
            picture = _shrink(_PillowRows(image), size)
        return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def _decode_heic(data: bytes, max_pixels: int, fit: Fit) -> PillowImage.Image:
    """libheif applies the container's own rotation; EXIF only repeats it."""
    heif_file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, remove_stride=False)
    image = heif_file[heif_file.primary_index]
    _check_size(image.size, max_pixels)
    image.load()
    _check_size(image.size, max_pixels)  # its size may change while it is decoded
    return _shrink(_HeifRows(image), _stored_size(image.size, 1, fit))


class _Rows(Protocol):
    """A decoded picture that gives some of its rows in RGB, so that a second copy is never whole."""

    size: tuple[int, int]

    def rows(self, top: int, bottom: int) -> PillowImage.Image: ...


class _PillowRows:
    def __init__(self, image: PillowImage.Image) -> None:
        self.size = image.size
        self._image = image

    def rows(self, top: int, bottom: int) -> PillowImage.Image:
        return _to_rgb(self._image.crop((0, top, self._image.width, bottom)))


class _HeifRows:
    """Reads the rows where libheif left them: Pillow's copy would take four bytes a pixel more."""

    def __init__(self, image: pillow_heif.HeifImage) -> None:
        self._data = memoryview(image.data)
        self._mode = image.mode
        self._stride = image.stride
        self.size = image.size

    def rows(self, top: int, bottom: int) -> PillowImage.Image:
        strip = bytes(self._data[top * self._stride : bottom * self._stride])
        size = (self.size[0], bottom - top)
        return _to_rgb(PillowImage.frombuffer(self._mode, size, strip, "raw", self._mode, self._stride, 1))


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InvalidImage
    if width * height > max_pixels:
        raise ImageTooLarge


def _stored_size(size: tuple[int, int], orientation: int, fit: Fit) -> tuple[int, int]:
    """The (width, height), as the file stores them, that the picture is shrunk to."""
    width, height = size
    if orientation in _TURNED:
        wanted_width, wanted_height = fit(width, height)
    else:
        wanted_height, wanted_width = fit(height, width)
    return (wanted_width, wanted_height) if wanted_width * wanted_height < width * height else size


def _shrink(source: _Rows, size: tuple[int, int]) -> PillowImage.Image:
    """Bicubic, strip by strip; the strips overlap by what the filter reads, so no seam is left."""
    width, height = size
    source_width, source_height = source.size
    picture = PillowImage.new("RGB", size)
    scale = source_height / height
    margin = int(_FILTER_SUPPORT * max(scale, 1.0)) + 2
    rows = max(1, int(_STRIP_PIXELS / source_width / scale))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        begin, end = top * scale, bottom * scale
        first = max(0, int(begin) - margin)
        strip = source.rows(first, min(source_height, int(end) + 1 + margin))
        if source.size != size:
            box = (0, begin - first, source_width, min(end - first, strip.height))
            strip = strip.resize((width, bottom - top), PillowImage.Resampling.BICUBIC, box)
        else:
            strip = strip.crop((0, top - first, width, bottom - first))
        picture.paste(strip, (0, top))
    return picture


def _orientation(image: ImageFile) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises anything on broken metadata, and the picture itself is fine
        return 1


def _to_rgb(image: PillowImage.Image) -> PillowImage.Image:
    if image.mode.startswith("I;16"):  # 16 bits of grey, which Pillow's convert would clip, not scale
        high = 0 if image.mode == "I;16B" else 1
        image = PillowImage.frombytes("L", image.size, image.tobytes()[high::2])
    elif image.mode == "I":
        image = PillowImage.frombytes("L", image.size, image.tobytes()[1::4])
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    background = PillowImage.new("RGB", layer.size, _WHITE)
    background.paste(layer, mask=layer)
    return background
