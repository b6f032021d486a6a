"""From a recording's bytes to mono 16 kHz samples. Runs in a decoding thread.

FFmpeg is told which container the bytes are and which codecs it may open, so a file cannot choose
among its hundreds of parsers, nor make it open another file.
"""

import io
from collections.abc import Iterator
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from app.errors import AudioTooLong, InvalidAudio
from app.media.sniff import sniff
from app.media.wav import plain_wav
from inference import AUDIO_SAMPLE_RATE, Audio

_DEMUXERS: Final[dict[str | None, str]] = {
    "m4a": "mov",
    "mp3": "mp3",
    "ogg": "ogg",
    "webm": "matroska",
    "amr": "amr",
    "flac": "flac",
    "wav": "wav",
    "aac": "aac",
}
# Containers that state a length. The others' is guessed from the bit rate, or from a size that
# recorders leave wrong when they cannot seek.
_STATING_LENGTH: Final = frozenset({"m4a", "ogg", "webm", "flac"})
_DECODERS: Final = frozenset(
    {
        *("aac", "alac", "flac", "libopus", "mp3", "mp3float", "opus", "vorbis"),
        *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb"),
        *("pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le"),
        *("pcm_s32be", "pcm_s32le", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le"),
    }
)
_MIN_SAMPLE_RATE = 4_000  # Hz; outside of these bounds a resampler's filter may take gigabytes
_MAX_SAMPLE_RATE = 384_000
_MAX_CHANNELS = 8
_MAX_BAD_PACKETS = 3  # players forgive a torn first or last packet; more is not a recording
_MISSING_SECONDS = 1.0  # what may be missing of the stated length: an encoder's delay and padding
_MISSING_PART = 0.1


def decode_audio(data: bytes, max_seconds: int) -> Audio:
    """Raises `InvalidAudio`, and `AudioTooLong` for the stated length or for what is really there."""
    media_format = sniff(data)
    demuxer = _DEMUXERS.get(media_format)
    if demuxer is None:
        raise InvalidAudio
    if media_format == "wav":
        data = plain_wav(data)
    try:
        with av.open(
            io.BytesIO(data),
            "r",
            format=demuxer,
            metadata_errors="replace",
            container_options={"codec_whitelist": ",".join(_DECODERS), "max_streams": "16"},
        ) as container:
            stream = _audio_stream(container)
            stated_seconds = None
            if media_format in _STATING_LENGTH:
                stated_seconds = _stated_seconds(container, stream)
            if stated_seconds is not None and stated_seconds > max_seconds:
                raise AudioTooLong
            samples = _decode(container, stream, max_seconds)
    except (InvalidAudio, AudioTooLong):
        raise
    except Exception as error:  # FFmpeg's and PyAV's own, of many classes; the text stays here
        raise InvalidAudio from error
    if stated_seconds is not None and _is_cut_off(samples, stated_seconds):
        raise InvalidAudio
    return Audio(samples)


def _audio_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise InvalidAudio
    stream = container.streams.audio[0]
    if stream.codec_context.codec.name not in _DECODERS:
        raise InvalidAudio
    return stream


def _stated_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def _is_cut_off(samples: NDArray[np.float32], stated_seconds: float) -> bool:
    missing_seconds = stated_seconds - len(samples) / AUDIO_SAMPLE_RATE
    return missing_seconds > max(_MISSING_SECONDS, _MISSING_PART * stated_seconds)


def _decode(container: InputContainer, stream: AudioStream, max_seconds: int) -> NDArray[np.float32]:
    """(T,) float32 in [-1, 1]; never holds more than `max_seconds` of them."""
    chunks = list(_resampled(_frames(container, stream, max_seconds)))
    samples = np.concatenate(chunks) if chunks else np.empty(0, np.float32)
    if samples.size == 0:
        raise InvalidAudio
    # Recordings in floating point may hold NaN and infinities.
    np.nan_to_num(samples, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(samples, -1.0, 1.0, out=samples)


def _frames(container: InputContainer, stream: AudioStream, max_seconds: int) -> Iterator[AudioFrame]:
    """Checks each frame before it is resampled: a few bytes may claim hours at 1 Hz."""
    seconds = 0.0
    bad_packets = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            bad_packets += 1
            if bad_packets > _MAX_BAD_PACKETS:
                raise
            continue
        for frame in frames:
            if not isinstance(frame, AudioFrame):
                raise InvalidAudio
            if not _MIN_SAMPLE_RATE <= frame.sample_rate <= _MAX_SAMPLE_RATE:
                raise InvalidAudio
            if frame.layout.nb_channels > _MAX_CHANNELS:
                raise InvalidAudio
            seconds += frame.samples / frame.sample_rate
            if seconds > max_seconds:
                raise AudioTooLong
            yield frame


def _resampled(frames: Iterator[AudioFrame]) -> Iterator[NDArray[np.float32]]:
    resampler: AudioResampler | None = None
    source: tuple[int, str, str] | None = None
    for frame in frames:
        frame.pts = None  # time stamps may jump; samples are counted instead
        if source != (source := (frame.sample_rate, frame.layout.name, frame.format.name)):
            yield from _resample(resampler, None)
            # FFmpeg's own way to mono adds channels up until they clip; a mean keeps the volume.
            resampler = AudioResampler("fltp", frame.layout, AUDIO_SAMPLE_RATE)
        yield from _resample(resampler, frame)
    yield from _resample(resampler, None)


def _resample(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
    """`frame=None` gives what is left inside."""
    if resampler is not None:
        for resampled in resampler.resample(frame):
            channels = resampled.to_ndarray()  # (channels, T)
            yield channels.mean(axis=0, dtype=np.float32)
