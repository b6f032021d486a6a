"""HEIC and AVIF: how many pixels the coded pictures have, whatever the shown one declares.

Items, properties and grids: ISO/IEC 23008-12; the size inside an HEVC configuration: ITU-T H.265, 7.3.2.2.
"""

from typing import Final

from app.errors import ImageTooLarge, InvalidImage
from app.media.structure.boxes import Box, TooManyBoxes, walk_boxes

MAX_ITEMS: Final = 1_000  # iPhones write some fifty tiles, libheif takes at most 1,000
MAX_PROPERTIES: Final = 2_000
MAX_AVIF_PIXELS: Final = 24_000_000  # 12 bytes a pixel while Pillow decodes
MAX_TILE_EXCESS: Final = 2.0  # coded pixels of a grid to those shown: tiles overhang on two sides
_SMALL_PIXELS: Final = 1_048_576  # tiles of this many pixels in all cost little, however they overhang
_MOST_OF_TONE_MAP: Final = 2
_SPS: Final = 33  # NAL unit type of HEVC's sequence parameter set


def check_heif(data: bytes, max_pixels: int) -> None:
    """Raises `InvalidImage` and `ImageTooLarge`."""
    sizes: list[int] = []  # pixels of every `ispe`, in the order of the properties
    coded: list[int] = []  # pixels of every HEVC configuration
    items = properties = 0
    is_avif = b"avif" in data[8:64] or b"avis" in data[8:64]
    try:
        for box in walk_boxes(data):
            if box.parent == b"ipco":
                properties += 1
            if box.name == b"ispe":
                width, height = (int.from_bytes(data[box.begin + at : box.begin + at + 4]) for at in (4, 8))
                sizes.append(width * height)
            elif box.name == b"hvcC":
                coded.extend(_hevc_pixels(data[box.begin : box.end]))
            elif box.name == b"iinf":
                items = _item_count(data, box)
    except TooManyBoxes:
        raise InvalidImage from None
    if items > MAX_ITEMS or properties > MAX_PROPERTIES:
        raise InvalidImage
    bound = min(max_pixels, MAX_AVIF_PIXELS) if is_avif else max_pixels
    if any(pixels > bound for pixels in sizes):
        raise ImageTooLarge
    # Every tile of a grid has the same configuration, and a grid's `ispe` is the picture that is shown.
    tile_pixels = max(coded, default=0)
    if tile_pixels > MAX_TILE_EXCESS * max(sizes, default=0) and tile_pixels > _SMALL_PIXELS:
        raise ImageTooLarge
    if _grid_tiles(data) * tile_pixels > MAX_TILE_EXCESS * max(max(sizes, default=0), _SMALL_PIXELS):
        raise ImageTooLarge


def _item_count(data: bytes, box: Box) -> int:
    return int.from_bytes(data[box.begin + 4 : box.begin + (6 if data[box.begin] == 0 else 8)])


def _grid_tiles(data: bytes) -> int:
    """The largest number of pictures that one item is derived from (`dimg` references), if it is a grid.

    Tone maps are derived from two, of different sizes.
    """
    most = 0
    for box in walk_boxes(data):
        if box.name != b"iref":
            continue
        id_bytes = 2 if data[box.begin] == 0 else 4
        at = box.begin + 4
        while at + 8 <= box.end:
            size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
            if size < 8:
                break
            if kind == b"dimg":
                begin = at + 8 + id_bytes
                most = max(most, int.from_bytes(data[begin : begin + 2]))
            at += size
    return most if most > _MOST_OF_TONE_MAP else 1


def _hevc_pixels(configuration: bytes) -> list[int]:
    """The pixels of each sequence parameter set in an `hvcC` box; those that cannot be read are left out."""
    pixels = []
    at = 23
    for _ in range(configuration[22] if len(configuration) > 22 else 0):
        kind, count = configuration[at] & 0x3F, int.from_bytes(configuration[at + 1 : at + 3])
        at += 3
        for _ in range(count):
            length = int.from_bytes(configuration[at : at + 2])
            unit = configuration[at + 2 : at + 2 + length]
            at += 2 + length
            if kind == _SPS:
                pixels.append(_sps_pixels(unit))
            if at >= len(configuration):
                return pixels
    return pixels


def _sps_pixels(unit: bytes) -> int:
    bits = _Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))  # after the NAL header, without emulation prevention
    bits.skip(4)
    sub_layers = bits.read(3)
    bits.skip(1 + 88 + 8)  # temporal nesting; profile, tier and level
    present = [(bits.read(1), bits.read(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.skip(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    bits.read_golomb()  # identifier
    if bits.read_golomb() == 3:  # chroma format
        bits.skip(1)
    return bits.read_golomb() * bits.read_golomb()


class _Bits:
    """Reads bits from the most significant one on; zeros after the end."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data)
        self._left = 8 * len(data)

    def skip(self, count: int) -> None:
        self._left -= count

    def read(self, count: int) -> int:
        self._left -= count
        return (self._bits >> self._left if self._left >= 0 else 0) & ((1 << count) - 1)

    def read_golomb(self) -> int:
        """Unsigned Exp-Golomb, at most 32 bits."""
        zeros = 0
        while zeros < 32 and self._left > 0 and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)
