"""Pictures and recordings made on the spot with the encoders inside Pillow, libheif and FFmpeg."""

import io
from fractions import Fraction

import av
import numpy as np
import pillow_heif
from PIL import Image as PillowImage

from app.media.codecs.audio import decode_audio
from app.media.codecs.image import decode_image
from app.media.decoding import bound_samples

AUDIO_KINDS = {  # container, encoder, sample rate in Hz
    "m4a": ("ipod", "aac", 44_100),
    "alac": ("ipod", "alac", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "opus": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "amr": ("amr", "libopencore_amrnb", 8_000),
    "flac": ("flac", "flac", 44_100),
    "wav": ("wav", "pcm_s16le", 44_100),
    "float-wav": ("wav", "pcm_f32le", 44_100),
    "aac": ("adts", "aac", 44_100),
}


def encode_picture(picture: PillowImage.Image, file_format: str, **options: object) -> bytes:
    """The file's bytes. `file_format` is Pillow's name, or HEIF."""
    file = io.BytesIO()
    if file_format == "HEIF":
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, file_format, **options)
    return file.getvalue()


def tone(seconds: float, rate: int, hertz: float = 440.0, volume: float = 0.5) -> np.ndarray:
    """(T,) float32."""
    times = np.arange(int(seconds * rate)) / rate
    return (volume * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def encode_audio(kind: str, samples: np.ndarray, channels: int = 1, rate: int | None = None) -> bytes:
    """`samples` (T,) at `rate` or the kind's own sample rate, the same in each channel."""
    container_format, encoder, usual_rate = AUDIO_KINDS[kind]
    rate = rate or usual_rate
    file = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(file, "w", format=container_format) as container:
        stream = container.add_stream(encoder, rate=rate, layout=layout)
        for start in range(0, len(samples), 5 * rate):
            chunk = samples[start : start + 5 * rate]
            frame = av.AudioFrame.from_ndarray(
                np.tile(chunk.astype(np.float32), (channels, 1)), format="fltp", layout=layout
            )
            frame.sample_rate = rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def recording(kind: str, seconds: float = 1.0, channels: int = 1) -> bytes:
    return encode_audio(kind, tone(seconds, AUDIO_KINDS[kind][2]), channels)


def silence(kind: str, seconds: int) -> bytes:
    """Long and small, without encoding it all: one packet of silence again and again."""
    container_format, encoder, rate = AUDIO_KINDS[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = container.add_stream(encoder, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.float32), "fltp", "mono")
        frame.sample_rate = rate
        content = bytes([*stream.encode(frame), *stream.encode(None)][2])
        packet_samples = stream.codec_context.frame_size
        for start in range(0, seconds * rate, packet_samples):
            packet = av.Packet(content)
            packet.stream = stream
            packet.time_base = Fraction(1, rate)
            packet.pts = packet.dts = start
            packet.duration = packet_samples
            container.mux(packet)
    return file.getvalue()


def decode_pixels(data: bytes, max_pixels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """(H, W, 3), at the picture's own size or shrunk to `size`; decoded here and not in the sandbox."""
    return np.array(decode_image(data, max_pixels, lambda height, width: size or (height, width)))


def decode_samples(data: bytes, max_seconds: int) -> np.ndarray:
    """(T,) float32, as the model gets them."""
    samples = np.array(decode_audio(data, max_seconds), np.float32)
    bound_samples(samples)
    return samples
