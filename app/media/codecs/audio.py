"""From a recording's bytes to mono 16 kHz samples.

FFmpeg gets the container of the bytes and the codecs that it may open, so a file cannot choose
among its hundreds of parsers, nor make it open another file.
"""

import io
from array import array
from collections.abc import Iterator
from typing import Final

import av
import av.filter
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from app.errors import AudioTooLong, InvalidAudio
from app.media.structure.audio import plain_audio

SAMPLE_RATE: Final = 16_000  # Hz; what models take, `inference.AUDIO_SAMPLE_RATE`
_SAMPLE_BYTES: Final = 4

_DEMUXERS: Final[dict[str, str]] = {
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


def decode_audio(data: bytes, max_seconds: int) -> "array[float]":
    """Returns float32 samples, mono at `SAMPLE_RATE`. They may be NaN and infinite where the file has that.

    Raises `InvalidAudio`, and `AudioTooLong` for the stated length or for what is really there.
    """
    try:
        media_format, data = plain_audio(data)
        with av.open(
            io.BytesIO(data),
            "r",
            format=_DEMUXERS[media_format],
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
    return samples


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


def _is_cut_off(samples: "array[float]", stated_seconds: float) -> bool:
    missing_seconds = stated_seconds - len(samples) / SAMPLE_RATE
    return missing_seconds > max(_MISSING_SECONDS, _MISSING_PART * stated_seconds)


def _decode(container: InputContainer, stream: AudioStream, max_seconds: int) -> "array[float]":
    """Never holds more than `max_seconds` of samples."""
    samples = array("f")
    for chunk in _resampled(_frames(container, stream, max_seconds)):
        samples.frombytes(chunk)
    if not samples:
        raise InvalidAudio
    return samples


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


def _resampled(frames: Iterator[AudioFrame]) -> Iterator[bytes]:
    """Chunks of float32 samples, mono at `SAMPLE_RATE`."""
    resampler: _MonoResampler | None = None
    source: tuple[int, str, str] | None = None
    for frame in frames:
        frame.pts = None  # time stamps may jump; samples are counted instead
        if source != (source := (frame.sample_rate, frame.layout.name, frame.format.name)):
            if resampler is not None:
                yield from resampler.resample(None)
            resampler = _MonoResampler(frame)
        assert resampler is not None
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


class _MonoResampler:
    """The mean of all channels, at `SAMPLE_RATE`. FFmpeg's own way to mono adds channels up until they clip.

    A filter graph of FFmpeg, so that planar frames are never read as arrays: PyAV's plane list ends at eight.
    """

    def __init__(self, frame: AudioFrame) -> None:
        """`frame` is the first one and says what the source is like."""
        self._graph = av.filter.Graph()
        channels = frame.layout.nb_channels
        mean = "+".join(f"{1 / channels}*c{channel}" for channel in range(channels))
        self._graph.link_nodes(
            self._graph.add_abuffer(
                sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name
            ),
            self._graph.add("aformat", "sample_fmts=fltp"),
            self._graph.add("pan", f"mono|c0={mean}"),
            self._graph.add("aformat", f"sample_fmts=flt:sample_rates={SAMPLE_RATE}:channel_layouts=mono"),
            self._graph.add("abuffersink"),
        ).configure()

    def resample(self, frame: AudioFrame | None) -> Iterator[bytes]:
        """`frame=None` gives what is left inside."""
        self._graph.push(frame)
        while True:
            try:
                resampled = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            assert isinstance(resampled, AudioFrame)
            yield bytes(memoryview(resampled.planes[0])[: resampled.samples * _SAMPLE_BYTES])
