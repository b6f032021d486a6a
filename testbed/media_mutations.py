"""Small files of every format that is taken, and seeded mutations of them that know how formats are built.

`FIELDS` finds the numbers that a decoder trusts: sizes of boxes and chunks, counts, widths, rates. A mutation
sets some of them to values at which decoders go wrong, or damages bytes anywhere. Checksums are set right
again most of the time, since decoders look no further when they are wrong.
"""

import functools
import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from PIL import Image as PillowImage

from testbed.hostile_media import encoded, ogg_checksum, sound

Route = Literal["/vision", "/speech"]
Field = tuple[int, int, Literal["big", "little"]]
"""Offset, width in bytes, byte order."""

_MAX_BYTES: Final = 200_000
_CONTAINERS: Final = frozenset(
    (
        *(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta"),
        *(b"moof", b"traf", b"mvex", b"iprp", b"ipco"),
    )
)
_FULL_CONTAINERS: Final = {b"meta": 4, b"iinf": 6, b"iref": 4, b"stsd": 8, b"dref": 8}
_EBML_MASTERS: Final = (
    b"\x18\x53\x80\x67",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x1f\x43\xb6\x75",
    b"\xae",
)


@dataclass(frozen=True, slots=True)
class Original:
    name: str
    route: Route
    data: bytes


@dataclass(frozen=True, slots=True)
class Mutated:
    number: int
    original: str
    route: Route
    data: bytes


def originals() -> list[Original]:
    noise = np.random.default_rng(3).integers(0, 255, (24, 40, 3), np.uint8)
    picture = PillowImage.fromarray(noise)
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    frames = [PillowImage.fromarray(np.roll(noise, 5, 0)).convert("P")]
    pictures = {
        "jpeg": encoded(picture, "JPEG", exif=exif.tobytes()),
        "jpeg, progressive": encoded(picture, "JPEG", progressive=True),
        "jpeg, CMYK": encoded(picture.convert("CMYK"), "JPEG"),
        "png": encoded(picture, "PNG", exif=exif.tobytes()),
        "png, 16 bits": encoded(picture.convert("L").convert("I;16"), "PNG"),
        "png, palette": encoded(picture.convert("P"), "PNG", transparency=3),
        "png, interlaced": _interlaced_png(),
        "webp": encoded(picture, "WEBP", exif=exif.tobytes()),
        "webp, lossless": encoded(picture.convert("RGBA"), "WEBP", lossless=True),
        "webp, animated": encoded(picture, "WEBP", save_all=True, append_images=frames),
        "heic": encoded(picture, "HEIF", quality=50),
        "avif": encoded(picture, "AVIF"),
        "gif": encoded(picture.convert("P"), "GIF"),
        "gif, animated": encoded(picture.convert("P"), "GIF", save_all=True, append_images=frames),
        "bmp": encoded(picture, "BMP"),
        "bmp, palette": encoded(picture.convert("P"), "BMP"),
        "bmp, run lengths": _bmp_of_run_lengths(),
    }
    record = functools.partial(sound, fflags="+bitexact")  # no numbers drawn by chance
    recordings = {
        "m4a": record("ipod", "aac"),
        "m4a, ALAC": record("ipod", "alac"),
        "m4a, fragments": record("mp4", "aac", movflags="frag_keyframe+empty_moov+default_base_moof"),
        "mp3": record("mp3", "libmp3lame"),
        "ogg, opus": record("ogg", "libopus", "stereo"),
        "ogg, mono": record("ogg", "libopus"),
        "webm": record("webm", "libopus"),
        "amr": record("amr", "libopencore_amrnb", rate=8_000),
        "flac": record("flac", "flac", "stereo"),
        "wav": record("wav", "pcm_s16le", "stereo"),
        "wav, floats": record("wav", "pcm_f32le"),
        "aac": record("adts", "aac"),
    }
    return [
        *(Original(name, "/vision", data) for name, data in pictures.items()),
        *(Original(name, "/speech", data) for name, data in recordings.items()),
    ]


def mutations(seed: int, count: int) -> Iterator[Mutated]:
    """The same files for the same seed and the same versions of the encoders."""
    known = originals()
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        original = known[number % len(known)]
        data = _mutate(original, known, chance)
        yield Mutated(number, original.name, original.route, data)


def _mutate(original: Original, known: list[Original], chance: random.Random) -> bytes:
    data = bytearray(original.data)
    kind = original.name.split(",")[0]
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        fields = FIELDS[kind](bytes(data))
        if fields and chance.random() < 0.6:
            _set_field(data, chance.choice(fields), chance)
        else:
            _damage(data, chance.choice(known).data, chance)
    if chance.random() < 0.8:
        _repair(kind, data)
    return bytes(data[:_MAX_BYTES])


def _set_field(data: bytearray, field: Field, chance: random.Random) -> None:
    offset, width, order = field
    top = (1 << 8 * width) - 1
    value = int.from_bytes(data[offset : offset + width], order)
    values = [0, 1, 2, 7, 8, 9, 16, 255, top, top - 1, top >> 1, (top >> 1) + 1, top >> 4]
    values += (value + 1, value - 1, value * 2, value // 2, value + 8, len(data), chance.randint(0, top))
    data[offset : offset + width] = (chance.choice(values) & top).to_bytes(width, order)


def _damage(data: bytearray, other: bytes, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    length = chance.choice((1, 2, 4, 8, 64, 512))
    match chance.choice(("change", "flip", "cut", "remove", "double", "repeat", "splice", "erase", "move")):
        case "change":
            data[at : at + length] = chance.randbytes(length)
        case "flip" if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case "cut":
            del data[max(at, 16) :]
        case "remove":
            del data[at : at + length]
        case "double":
            data[at:at] = data[at : at + length]
        case "repeat":
            piece = data[at : at + length]
            data[at:at] = piece * min(chance.choice((10, 100, 2_000)), _MAX_BYTES // max(len(piece), 1))
        case "splice":
            start = chance.randrange(len(other))
            data[at : at + length] = other[start : start + chance.choice((8, 64, 1_000))]
        case "erase":
            data[at : at + length] = chance.choice((b"\0", b"\xff")) * length
        case "move":
            piece = data[at : at + length]
            del data[at : at + length]
            to = chance.randrange(len(data) + 1)
            data[to:to] = piece
    if not data:
        data += b"\0"


# Where formats keep their numbers


def _boxes(
    data: bytes, start: int = 0, end: int | None = None, depth: int = 0
) -> Iterator[tuple[int, bytes, int]]:
    """Offset, name and end of each box of an ISO file, children after their parents."""
    end = len(data) if end is None else end
    while start + 8 <= end and depth < 12:
        size, name = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        box_end = start + size if 8 <= size <= end - start else end
        yield start, name, box_end
        if name in _CONTAINERS:
            yield from _boxes(data, start + 8, box_end, depth + 1)
        elif name in _FULL_CONTAINERS:
            yield from _boxes(data, start + 8 + _FULL_CONTAINERS[name], box_end, depth + 1)
        start = box_end


def _iso_fields(data: bytes) -> list[Field]:
    """The size of each box, its version and flags, and what follows: counts and sizes mostly."""
    fields: list[Field] = []
    for start, name, end in _boxes(data):
        fields += [(start, 4, "big"), (start, 4, "big")]
        if name not in (b"mdat", b"ftyp") and name not in _CONTAINERS:
            inside = range(start + 8, min(end, start + 72) - 3, 4)
            fields += [(at, 4, "big") for at in inside]
            fields += [(at, 2, "big") for at in inside]
    return fields


def _png_chunks(data: bytes) -> Iterator[tuple[int, int]]:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        yield at, length
        at += 12 + length


def _png_fields(data: bytes) -> list[Field]:
    fields: list[Field] = [(16, 4, "big"), (20, 4, "big"), *((at, 1, "big") for at in range(24, 29))]
    return fields + [(at, 4, "big") for at, _ in _png_chunks(data)]


def _jpeg_fields(data: bytes) -> list[Field]:
    fields: list[Field] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        fields += [(at + 2, 2, "big"), (at + 1, 1, "big")]
        if marker in (0xC0, 0xC1, 0xC2):
            fields += [
                (at + 5, 2, "big"),
                (at + 7, 2, "big"),
                *((at + n, 1, "big") for n in range(9, 2 + length)),
            ]
        elif marker in (0xC4, 0xDA, 0xDB, 0xE1):
            fields += [(at + n, 1, "big") for n in range(4, min(2 + length, 40))]
        at += 2 + length
    return fields


def _riff_fields(data: bytes) -> list[Field]:
    fields: list[Field] = [(4, 4, "little")]
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        fields.append((at + 4, 4, "little"))
        if data[at : at + 4] != b"data":
            inside = range(at + 8, min(at + 8 + length, at + 40, len(data)) - 3)
            fields += [(inner, 2, "little") for inner in inside] + [(inner, 3, "little") for inner in inside]
        at += 8 + length + length % 2
    return fields


def _gif_fields(data: bytes) -> list[Field]:
    fields: list[Field] = [(6, 2, "little"), (8, 2, "little"), (10, 1, "big"), (11, 1, "big")]
    for at, byte in enumerate(data[:-10]):
        if byte == 0x2C:
            fields += [(at + n, 2, "little") for n in (1, 3, 5, 7)] + [
                (at + n, 1, "big") for n in (9, 10, 11)
            ]
    return fields


def _bmp_fields(data: bytes) -> list[Field]:
    return [(at, 4, "little") for at in (2, 10, 14, 18, 22, 30, 34, 46, 50)] + [
        (26, 2, "little"),
        (28, 2, "little"),
    ]


def _ogg_pages(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each page."""
    at = data.find(b"OggS")
    while at >= 0 and at + 27 <= len(data):
        segments = data[at + 27 : at + 27 + data[at + 26]]
        yield at, min(at + 27 + len(segments) + sum(segments), len(data))
        at = data.find(b"OggS", at + 4)


def _ogg_fields(data: bytes) -> list[Field]:
    fields: list[Field] = []
    for start, end in _ogg_pages(data):
        content = start + 27 + data[start + 26]
        fields += [
            (start + 5, 1, "big"),
            (start + 6, 8, "little"),
            (start + 18, 4, "little"),
            (start + 26, 1, "big"),
        ]
        fields += [(at, 1, "big") for at in range(start + 27, min(content, start + 47))]
        fields += [(at, 4, "little") for at in range(content, min(end, content + 32) - 3)]
        fields += [(at, 1, "little") for at in range(content, min(end, content + 32))]
    return fields


def _flac_fields(data: bytes) -> list[Field]:
    fields: list[Field] = [
        (8, 2, "big"),
        (10, 2, "big"),
        (12, 3, "big"),
        (15, 3, "big"),
        (18, 4, "big"),
        (22, 4, "big"),
    ]
    at = 4
    while at + 4 <= len(data):
        length = int.from_bytes(data[at + 1 : at + 4])
        fields += [(at, 1, "big"), (at + 1, 3, "big"), (at + 4, 4, "little")]
        if data[at] & 0x80:
            fields += [
                (inner, 1, "big") for inner in range(at + 4 + length, min(at + 20 + length, len(data)))
            ]
            break
        at += 4 + length
    return fields


def _webm_fields(data: bytes) -> list[Field]:
    """The size after each master element's name, and the numbers in the first few hundred bytes."""
    fields: list[Field] = [
        (at, width, "big") for width in (1, 2, 4) for at in range(min(300, len(data) - width))
    ]
    for name in _EBML_MASTERS:
        at = data.find(name)
        while at >= 0:
            fields += [(at + len(name), 1, "big"), (at + len(name), 8, "big")] * 5
            at = data.find(name, at + 1)
    return fields


def _head_fields(data: bytes) -> list[Field]:
    """Of formats without sizes, or with a head before frames: ID3 and MP3, ADTS, AMR."""
    head = range(min(64, len(data) - 4))
    fields: list[Field] = [(at, 1, "big") for at in head]
    return fields + [(at, 4, "big") for at in head]


FIELDS: Final[dict[str, Callable[[bytes], list[Field]]]] = {
    "jpeg": _jpeg_fields,
    "png": _png_fields,
    "webp": _riff_fields,
    "heic": _iso_fields,
    "avif": _iso_fields,
    "gif": _gif_fields,
    "bmp": _bmp_fields,
    "m4a": _iso_fields,
    "mp3": _head_fields,
    "ogg": _ogg_fields,
    "webm": _webm_fields,
    "amr": _head_fields,
    "flac": _flac_fields,
    "wav": _riff_fields,
    "aac": _head_fields,
}


def _repair(kind: str, data: bytearray) -> None:
    if kind == "png":
        for at, length in list(_png_chunks(bytes(data))):
            end = at + 8 + length
            if end + 4 <= len(data):
                data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
    elif kind == "ogg":
        for start, end in list(_ogg_pages(bytes(data))):
            data[start + 22 : start + 26] = bytes(4)
            data[start + 22 : start + 26] = struct.pack("<I", ogg_checksum(bytes(data[start:end])))


# Files that Pillow does not write


def _interlaced_png() -> bytes:
    """8 x 8 grey pixels in Adam7's seven passes, each row after a byte that names no filter."""
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))  # width, rows
    rows = b"".join((b"\0" + bytes(range(width))) * count for width, count in passes)
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    file.seek(0, io.SEEK_END)
    for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        file.write(
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )
    return file.getvalue()


def _bmp_of_run_lengths() -> bytes:
    """16 x 4 pixels of 8 bits."""
    runs = b"\x10\x05\0\0" * 4 + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, 16, 4, 1, 8, 1, len(runs), 1, 1, 256, 0)
    start = 14 + len(header) + 1_024
    return (
        b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + header + bytes(range(256)) * 4 + runs
    )
