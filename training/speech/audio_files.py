"""Recordings to files as phones send them, and back: real codecs, through PyAV."""

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.audio.resampler import AudioResampler

from inference.types import AUDIO_SAMPLE_RATE
from training.speech.codecs import Codec, CodecName
from training.speech.spectra import Samples


@dataclass(frozen=True, slots=True)
class _Format:
    container: str
    encoder: str
    sample_rate: int  # Hz


_FORMATS: dict[CodecName, _Format] = {
    "opus": _Format("ogg", "libopus", 48_000),
    "aac": _Format("ipod", "aac", 44_100),  # m4a
    "amr": _Format("amr", "libopencore_amrnb", 8_000),
}


def encode(samples: Samples, codec: Codec) -> bytes:
    """(T,) at 16 kHz to a file: Ogg Opus, m4a or AMR narrow-band."""
    form = _FORMATS[codec.name]
    file = io.BytesIO()
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = AUDIO_SAMPLE_RATE
    frame.pts, frame.time_base = 0, Fraction(1, AUDIO_SAMPLE_RATE)  # else m4a refuses some last packets
    with av.open(file, "w", format=form.container) as container:
        stream = container.add_stream(form.encoder, rate=form.sample_rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = codec.bit_rate
        stream.codec_context.open()  # only then is its frame size known
        resampler = AudioResampler(
            stream.format.name, "mono", form.sample_rate, stream.codec_context.frame_size
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


def decode(data: bytes) -> Samples:
    """A file of any format that FFmpeg knows, to (T,) at 16 kHz."""
    resampler = AudioResampler("flt", "mono", AUDIO_SAMPLE_RATE)
    with av.open(io.BytesIO(data), "r") as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def through(samples: Samples, codec: Codec) -> Samples:
    """There and back, in the same length: codecs pad to whole frames."""
    decoded = decode(encode(samples, codec))
    return np.pad(decoded, (0, max(0, len(samples) - len(decoded))))[: len(samples)]
