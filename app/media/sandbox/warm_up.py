"""Decodes tiny files, so that decoders have imported what they import late: a confined process cannot."""

import io
import os
import wave

from PIL import Image as PillowImage

from app.media.codecs.audio import decode_audio
from app.media.codecs.image import decode_image
from app.media.sandbox.decoding_process import write_pixels

_RATE = 8_000  # Hz


def warm_up() -> bytes:
    """Returns a small JPEG, for processes to warm up with.

    Raises what decoding raises: an installation in which that fails decodes nothing.
    """
    for mode, file_format in (
        ("RGB", "JPEG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("P", "GIF"),
        ("RGB", "BMP"),
    ):
        picture = decode_image(_picture(mode, file_format), 64, lambda height, width: (4, 4))
        with open(os.devnull, "wb") as file:
            write_pixels(picture, file.fileno())
    decode_audio(_recording(), 1)
    return _picture("RGB", "JPEG")


def _picture(mode: str, file_format: str) -> bytes:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turned
    file = io.BytesIO()
    PillowImage.new(mode, (8, 8)).save(file, file_format, exif=exif.tobytes())
    return file.getvalue()


def _recording() -> bytes:
    """A tenth of a second of silence as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(_RATE)
        recording.writeframes(bytes(2 * _RATE // 10))
    return file.getvalue()
