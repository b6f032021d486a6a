import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps, PngImagePlugin

from app.errors import ImageTooLarge, InvalidImage
from app.media.structure.jpeg import MAX_SCANS

from ..conftest import decode_pixels, encode_picture, recording

MAX_PIXELS = 50_000_000
EXACT = ("PNG", "BMP", "GIF")
LOSSY = ("JPEG", "WEBP", "HEIF", "AVIF")
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters() -> PillowImage.Image:
    """96 wide and 64 high: red, green above blue, white."""
    picture = PillowImage.new("RGB", (96, 64))
    for index, colour in enumerate((RED, GREEN, BLUE, WHITE)):
        left, top = index % 2 * 48, index // 2 * 32
        picture.paste(colour, (left, top, left + 48, top + 32))
    return picture


def corners(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """Colours inside of the corners, in reading order, each channel 0 or 255."""
    height, width, _ = pixels.shape
    points = [(8, 8), (8, width - 8), (height - 8, 8), (height - 8, width - 8)]
    return [tuple(int(channel > 127) * 255 for channel in pixels[point]) for point in points]


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("pillow_format", EXACT + LOSSY)
def test_every_format_becomes_rgb_pixels(pillow_format: str):
    pixels = decode_pixels(encode_picture(quarters(), pillow_format), MAX_PIXELS)
    assert pixels.shape == (64, 96, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert corners(pixels) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("pillow_format", EXACT)
def test_lossless_formats_keep_every_pixel(pillow_format: str):
    decoded = decode_pixels(encode_picture(quarters(), pillow_format), MAX_PIXELS)
    assert np.array_equal(decoded, np.asarray(quarters()))


@pytest.mark.parametrize("pillow_format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "shape", "expected"),
    [
        (1, (64, 96, 3), [RED, GREEN, BLUE, WHITE]),
        (2, (64, 96, 3), [GREEN, RED, WHITE, BLUE]),
        (3, (64, 96, 3), [WHITE, BLUE, GREEN, RED]),
        (4, (64, 96, 3), [BLUE, WHITE, RED, GREEN]),
        (5, (96, 64, 3), [RED, BLUE, GREEN, WHITE]),
        (6, (96, 64, 3), [BLUE, RED, WHITE, GREEN]),
        (7, (96, 64, 3), [WHITE, GREEN, BLUE, RED]),
        (8, (96, 64, 3), [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_the_cameras_orientation_is_applied(pillow_format, orientation, shape, expected):
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    data = encode_picture(quarters(), pillow_format, exif=exif.tobytes())
    pixels = decode_pixels(data, MAX_PIXELS)
    assert pixels.shape == shape
    assert corners(pixels) == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_picture_keeps_every_pixel(orientation: int):
    pixels = np.random.default_rng(5).integers(0, 255, (1_003, 1_301, 3), np.uint8)
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    picture = PillowImage.fromarray(pixels)
    data = encode_picture(picture, "PNG", exif=exif.tobytes(), compress_level=0)
    picture.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(decode_pixels(data, MAX_PIXELS), expected)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_metadata_does_not_spoil_a_good_picture(exif: bytes):
    data = encode_picture(quarters(), "JPEG", exif=exif)
    assert corners(decode_pixels(data, MAX_PIXELS)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("pillow_format", ["PNG", "WEBP"])
def test_what_is_transparent_becomes_white(mode: str, pillow_format: str):
    picture = PillowImage.new(mode, (8, 8), (0,) * len(mode))
    pixels = decode_pixels(encode_picture(picture, pillow_format), MAX_PIXELS)
    assert pixels.min() == 255


def test_what_is_half_transparent_is_half_white():
    picture = PillowImage.new("RGBA", (8, 8), (200, 0, 0, 128))
    pixels = decode_pixels(encode_picture(picture, "PNG"), MAX_PIXELS)
    assert np.abs(pixels[0, 0].astype(int) - (227, 127, 127)).max() <= 1


def test_a_transparent_palette_colour_becomes_white():
    picture = quarters().quantize(8)
    transparent = picture.getpixel((0, 0))
    for pillow_format in ("PNG", "GIF"):
        data = encode_picture(picture, pillow_format, transparency=transparent)
        pixels = decode_pixels(data, MAX_PIXELS)
        assert corners(pixels) == [WHITE, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_other_png_modes_become_rgb(mode: str):
    pixels = decode_pixels(encode_picture(quarters().convert(mode), "PNG"), MAX_PIXELS)
    assert pixels.shape == (64, 96, 3)
    assert pixels[60, 90].min() == 255


def test_cmyk_becomes_rgb():
    data = encode_picture(quarters().convert("CMYK"), "JPEG", quality=95)
    assert corners(decode_pixels(data, MAX_PIXELS)) == [RED, GREEN, BLUE, WHITE]


def test_16_bits_of_grey_are_scaled_and_not_clipped():
    grey = np.array([[0, 256 * 100, 65_535]], np.uint16)
    data = encode_picture(PillowImage.fromarray(grey), "PNG")
    assert decode_pixels(data, MAX_PIXELS)[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize("pillow_format", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(pillow_format: str):
    frames = [PillowImage.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    data = encode_picture(frames[0], pillow_format, save_all=True, append_images=frames[1:], lossless=True)
    assert decode_pixels(data, MAX_PIXELS)[4, 4].tolist() == list(RED)


def test_100_megapixels_are_refused_before_memory_is_taken():
    rows = zlib.compress(b"\0" * 30_001, 9)
    data = png_of(10_000, 10_000, png_chunk(b"IDAT", rows))
    tracemalloc.start()
    with pytest.raises(ImageTooLarge):
        decode_pixels(data, MAX_PIXELS)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2_000_000


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1)])
def test_a_picture_that_only_claims_to_be_huge_is_refused(size: tuple[int, int]):
    with pytest.raises(ImageTooLarge):
        decode_pixels(png_of(*size, png_chunk(b"IDAT", zlib.compress(b"\0"))), MAX_PIXELS)


@pytest.mark.parametrize("pillow_format", EXACT + LOSSY)
def test_the_bound_on_pixels_holds_for_every_format(pillow_format: str):
    data = encode_picture(quarters(), pillow_format)
    decode_pixels(data, 96 * 64)
    with pytest.raises(ImageTooLarge):
        decode_pixels(data, 96 * 64 - 1)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_webp_says_its_size_in_three_ways(options: dict[str, object]):
    picture = quarters()
    data = encode_picture(picture, "WEBP", **options)
    decode_pixels(data, 96 * 64)
    with pytest.raises(ImageTooLarge):
        decode_pixels(data, 96 * 64 - 1)


def test_a_huge_webp_canvas_is_refused_before_it_is_allocated():
    frame = b"VP8X\x0a\0\0\0\x02\0\0\0" + (8_999).to_bytes(3, "little") * 2
    data = b"RIFF\xff\xff\0\0WEBP" + frame  # a decoder would find it cut off
    with pytest.raises(ImageTooLarge):
        decode_pixels(data, MAX_PIXELS)


def test_a_png_text_bomb_is_refused():
    bomb = zlib.compress(b"a" * 100_000_000, 9)
    with pytest.raises(InvalidImage):
        decode_pixels(
            png_of(
                1,
                1,
                png_chunk(b"zTXt", b"Comment\0\0" + bomb),
                png_chunk(b"IDAT", zlib.compress(b"\0" * 4)),
            ),
            MAX_PIXELS,
        )


def test_pillows_own_settings_stay_as_they_were():
    before = PillowImage.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    decode_pixels(encode_picture(quarters(), "PNG"), MAX_PIXELS)
    assert before == (PillowImage.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)
    assert "HEIF" not in PillowImage.OPEN


def test_a_jpeg_of_many_passes_is_refused():
    data = encode_picture(quarters(), "JPEG", progressive=True)
    decode_pixels(data, MAX_PIXELS)
    scan = data[data.index(b"\xff\xda") : data.rindex(b"\xff\xda")]
    with pytest.raises(InvalidImage):
        decode_pixels(data[:-2] + scan * MAX_SCANS + data[-2:], MAX_PIXELS)


@pytest.mark.parametrize("pillow_format", EXACT + LOSSY)
def test_a_picture_that_was_cut_off_is_refused(pillow_format: str):
    noise = np.random.default_rng(7).integers(0, 255, (64, 64, 3), np.uint8)
    data = encode_picture(PillowImage.fromarray(noise), pillow_format)
    for part in (0.1, 0.5, 0.9):
        with pytest.raises(InvalidImage):
            decode_pixels(data[: int(len(data) * part)], MAX_PIXELS)


@pytest.mark.parametrize(
    "data", [b"", b"I am a text file.", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", recording("wav", 0.1)]
)
def test_what_is_no_picture_is_refused(data: bytes):
    with pytest.raises(InvalidImage):
        decode_pixels(data, MAX_PIXELS)


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_a_picture_without_pixels_is_refused(size: tuple[int, int]):
    with pytest.raises(InvalidImage):
        decode_pixels(png_of(*size, png_chunk(b"IDAT", zlib.compress(b"\0"))), MAX_PIXELS)


def test_the_refusal_never_carries_the_decoders_text():
    data = encode_picture(quarters(), "JPEG")[:400]
    with pytest.raises(InvalidImage) as refusal:
        decode_pixels(data, MAX_PIXELS)
    assert refusal.value.detail == InvalidImage.detail
    assert str(refusal.value) == InvalidImage.detail
