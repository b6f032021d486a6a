"""Pixels and samples in the forms in which OpenAI's API takes them. Takes long: not for the event loop."""

import base64
import io
import wave

import numpy as np
from PIL import Image as PillowImage

from inference.config import PictureFormat
from inference.types import Audio, Image

JPEG_QUALITY = 92


def picture_uri(image: Image, picture_format: PictureFormat) -> str:
    file = io.BytesIO()
    picture = PillowImage.fromarray(image.pixels)
    if picture_format == "png":
        picture.save(file, "PNG", compress_level=1)
    else:
        picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/{picture_format};base64,{base64.b64encode(file.getvalue()).decode()}"


def wave_file(audio: Audio) -> bytes:
    """16 bits per sample, one channel."""
    samples = (np.clip(audio.samples, -1.0, 1.0) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(audio.sample_rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def recording_text(audio: Audio) -> str:
    return base64.b64encode(wave_file(audio)).decode()
