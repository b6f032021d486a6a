"""Pictures that cost far more than their bytes are refused before a codec sees them; real ones are not."""

import io
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from app.errors import ImageTooLarge, InvalidImage
from app.media.sniff import sniff
from app.media.structure.image import check_image
from testbed import hostile_media

SAMPLES = Path(__file__).parents[4] / "samples"
MAX_PIXELS = 50_000_000


def check(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    media_format = sniff(data)
    assert media_format is not None
    check_image(media_format, data, max_pixels)


@pytest.mark.parametrize(
    "make",
    [
        hostile_media.png_of_many_chunks,
        hostile_media.jpeg_of_exif_segments,
        hostile_media.jpeg_of_fill_bytes,
        hostile_media.jpeg_of_comments,
        hostile_media.gif_of_comments,
        hostile_media.webp_with_large_canvas,
        lambda: hostile_media.jpeg_of_segments(b"\xff\xfe\0\2" + bytes(5_000)),
        lambda: hostile_media.jpeg_of_segments(b"\xff\x01"),  # markers without a length
        lambda: b"GIF89a" + bytes(7) + b"\x01" * 100_000,
        lambda: hostile_media.encoded(PillowImage.new("RGB", (8, 8)), "GIF")[:13] + b"\x21\xff\0" * 9_000,
    ],
)
def test_containers_of_too_many_pieces_are_refused(make):
    with pytest.raises(InvalidImage):
        check(make())


@pytest.mark.parametrize(
    "make",
    [
        hostile_media.bmp_of_run_lengths,
        lambda: hostile_media.heic_larger_than_declared(2_048),
        lambda: hostile_media.heic_grid(31, 32, 512),
        lambda: hostile_media.heic_grid(8, 8, 1_024, shown=1_024),
        lambda: hostile_media.encoded(
            PillowImage.new("RGB", (2_000, 1_500)), "JPEG", progressive=True, quality=5
        ).replace(b"\x05\xdc\x07\xd0", b"\x40\x00\x40\x00"),
    ],
    ids=["bmp", "heic-declared", "heic-grid", "heic-grid-shown", "jpeg-progressive"],
)
def test_more_pixels_than_are_declared_are_refused(make):
    with pytest.raises(ImageTooLarge):
        check(make())


def test_scans_count_with_the_pixels_that_each_passes_over():
    picture = hostile_media.encoded(PillowImage.new("RGB", (2_400, 3_000)), "JPEG", progressive=True)
    check(picture)
    scan = picture[picture.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageTooLarge):
        check(picture[:-2] + scan * 80 + picture[-2:])


def test_a_webp_whose_frame_is_not_its_canvas_is_refused():
    picture = hostile_media.encoded(PillowImage.new("RGBA", (40, 30), (1, 2, 3, 4)), "WEBP", lossless=True)
    assert picture[12:16] == b"VP8X" or picture[12:16] == b"VP8L"
    wide = b"RIFF\0\0\0\0WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + bytes([39, 0, 0, 90, 0, 0])
    with pytest.raises(InvalidImage):
        check(wide + picture[picture.index(b"VP8L") :])


@pytest.mark.parametrize("file_format", ["WEBP", "AVIF", "HEIF"])
def test_the_bound_on_pixels_holds_before_decoding(file_format: str):
    picture = hostile_media.encoded(PillowImage.new("RGB", (320, 240)), file_format)
    check(picture, 320 * 240)
    with pytest.raises(ImageTooLarge):
        check(picture, 320 * 240 - 1)


@pytest.mark.parametrize("side", [64, 200, 1_200])
def test_the_size_in_an_hevc_configuration_is_read(side: int):
    picture = hostile_media.heic_flat(side, side + 16)
    check(picture)
    smaller = picture.replace(side.to_bytes(4) + (side + 16).to_bytes(4), (1).to_bytes(4) + (1).to_bytes(4))
    if side < 1_200:  # too little to matter, whatever it declares
        check(smaller)
    else:
        with pytest.raises(ImageTooLarge):
            check(smaller, MAX_PIXELS)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.heic", "screenshot.png"])
def test_real_pictures_pass(name: str):
    check((SAMPLES / name).read_bytes())


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "HEIF"])
@pytest.mark.parametrize("size", [(1, 1), (3, 70), (640, 480)])
def test_what_encoders_write_passes(file_format: str, size: tuple[int, int]):
    check(hostile_media.encoded(PillowImage.effect_noise(size, 50).convert("RGB"), file_format))


def test_a_tiled_heic_passes_as_phones_write_it():
    import pillow_heif

    file = io.BytesIO()
    picture = PillowImage.effect_noise((1_100, 900), 20).convert("RGB")
    pillow_heif.from_pillow(picture).save(file, tile_size=256)
    check(file.getvalue())


def test_an_animation_passes():
    frames = [PillowImage.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    for file_format in ("GIF", "WEBP", "PNG", "AVIF"):
        check(hostile_media.encoded(frames[0], file_format, save_all=True, append_images=frames[1:]))


def test_what_phones_append_to_a_photo_is_not_read():
    """A Motion Photo is a JPEG with an MP4 behind it, in which any bytes may stand."""
    photo = hostile_media.encoded(PillowImage.effect_noise((4_000, 3_000), 30).convert("RGB"), "JPEG")
    check(photo + b"\xff\xda" * 5_000_000)
    check(photo + b"\xff\xd9\xff\xd8" * 1_000_000)


def test_two_pictures_of_a_tone_map_are_no_grid():
    picture = hostile_media.heic_grid(1, 2, 1_200, shown=1_200)
    check(picture)
