import io
import struct
import tracemalloc

import av
import numpy as np
import pytest

from app.errors import AudioTooLong, InvalidAudio
from inference import AUDIO_SAMPLE_RATE

from ..conftest import AUDIO_KINDS, decode_samples, recording, silence, tone

MAX_SECONDS = 300
STEREO = AUDIO_KINDS.keys() - {"amr"}


def loudest_hertz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / AUDIO_SAMPLE_RATE)[spectrum.argmax()])


def wav(
    content: bytes,
    *,
    format_code: int = 1,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    data_bytes: int | None = None,
) -> bytes:
    """A WAV file with the given header."""
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", format_code, channels, rate, rate * block % 2**32, block, bits)
    size = len(content) if data_bytes is None else data_bytes
    return (
        b"RIFF"
        + struct.pack("<I", (36 + size) % 2**32)
        + b"WAVEfmt \x10\0\0\0"
        + header
        + b"data"
        + struct.pack("<I", size)
        + content
    )


def video_only() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "channels"), [*((kind, 1) for kind in AUDIO_KINDS), *((kind, 2) for kind in sorted(STEREO))]
)
def test_every_format_becomes_mono_at_16_khz(kind: str, channels: int):
    samples = decode_samples(recording(kind, 2.0, channels), MAX_SECONDS)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / AUDIO_SAMPLE_RATE == pytest.approx(2.0, abs=0.15)
    middle = samples[8_000:24_000]
    assert loudest_hertz(middle) == pytest.approx(440, abs=2)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.1)


def test_samples_at_16_khz_pass_unchanged():
    pcm = (tone(1.0, 16_000) * 32_767).astype("<i2")
    samples = decode_samples(wav(pcm.tobytes()), MAX_SECONDS)
    assert np.array_equal(samples, pcm.astype(np.float32) / 32_768)


def flac_stating(seconds: int, data: bytes) -> bytes:
    """The same file with another length in its header, whose 36 bits count samples."""
    stated = int.from_bytes(data[18:26]) >> 36 << 36 | seconds * AUDIO_KINDS["flac"][2]
    return data[:18] + stated.to_bytes(8) + data[26:]


def refuse_at_once(data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(AudioTooLong):
        decode_samples(data, MAX_SECONDS)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < len(data) + 2_000_000


@pytest.mark.parametrize("kind", ["opus", "m4a", "webm"])
def test_an_hour_in_a_small_file_is_refused_by_its_header(kind: str):
    data = silence(kind, 3600)
    assert len(data) < 5_000_000
    refuse_at_once(data)


def test_a_flac_that_states_an_hour_is_refused_by_its_header():
    refuse_at_once(flac_stating(3600, recording("flac", 1.0)))


@pytest.mark.parametrize("kind", ["mp3", "aac", "amr", "wav"])
def test_a_recording_that_states_no_length_is_refused_while_it_is_decoded(kind: str):
    with pytest.raises(AudioTooLong):
        decode_samples(recording(kind, 12.0), 10)
    assert decode_samples(recording(kind, 9.5), 10).size


def test_a_flac_that_understates_its_length_is_refused_while_it_is_decoded():
    with pytest.raises(AudioTooLong):
        decode_samples(flac_stating(1, recording("flac", 12.0)), 10)


@pytest.mark.parametrize("data_bytes", [0, 2**31, 2**32 - 1])
def test_a_wav_whose_header_lies_gives_what_is_there(data_bytes: int):
    content = (tone(1.0, 16_000) * 32_767).astype("<i2").tobytes()
    samples = decode_samples(wav(content, data_bytes=data_bytes), MAX_SECONDS)
    assert len(samples) == 16_000


@pytest.mark.parametrize(
    "header",
    [
        {"rate": 0},
        {"rate": 1},
        {"rate": 3_999},
        {"rate": 2**31 - 1},
        {"rate": 2**32 - 1},
        {"channels": 0},
        {"channels": 9},
        {"channels": 200},
        {"bits": 0},
        {"format_code": 0x4242},
    ],
)
def test_a_wav_with_an_absurd_header_is_refused(header: dict[str, int]):
    with pytest.raises(InvalidAudio):
        decode_samples(wav(b"\0" * 65_000, **header), MAX_SECONDS)


def test_one_sample_a_second_is_not_stretched_to_hours():
    tracemalloc.start()
    with pytest.raises((InvalidAudio, AudioTooLong)):
        decode_samples(wav(b"\0" * 2_000_000, rate=1), MAX_SECONDS)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"I am a text file.",
        b"RIFF\x24\0\0\0WAVE",
        b"OggS",
        b"#!AMR\n",
        b"fLaC",
        b"\x1aE\xdf\xa3",
        b"ID3\x04\0\0\0\0\0\0",
        b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
        b"#EXTM3U\nfile:///etc/passwd",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_recording_is_refused(data: bytes):
    with pytest.raises(InvalidAudio):
        decode_samples(data, MAX_SECONDS)


def test_a_codec_that_phones_do_not_use_is_never_opened():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("ac3", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1.0, 48_000)[None], "fltp", "mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InvalidAudio):
        decode_samples(file.getvalue(), MAX_SECONDS)


def test_a_video_without_sound_is_refused():
    with pytest.raises(InvalidAudio):
        decode_samples(video_only(), MAX_SECONDS)


@pytest.mark.parametrize("kind", ["m4a", "alac", "flac", "webm"])
def test_a_recording_shorter_than_it_states_was_cut_off(kind: str):
    data = recording(kind, 10.0)
    with pytest.raises(InvalidAudio):
        decode_samples(data[: len(data) // 2], MAX_SECONDS)


@pytest.mark.parametrize("kind", ["mp3", "opus", "amr", "wav", "aac"])
def test_of_a_format_for_streaming_what_arrived_is_decoded(kind: str):
    data = recording(kind, 10.0)
    samples = decode_samples(data[: len(data) // 2], MAX_SECONDS)
    assert len(samples) / AUDIO_SAMPLE_RATE == pytest.approx(5.0, abs=0.5)


def test_a_recording_may_change_its_sample_rate_midway():
    data = recording("aac", 1.0)
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=22_050, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1.0, 22_050)[None], format="fltp", layout="mono")
        frame.sample_rate = 22_050
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = decode_samples(data + file.getvalue(), MAX_SECONDS)
    assert len(samples) / AUDIO_SAMPLE_RATE == pytest.approx(2.0, abs=0.3)
    assert loudest_hertz(samples) == pytest.approx(440, abs=3)


def test_the_refusal_never_carries_the_decoders_text():
    with pytest.raises(InvalidAudio) as refusal:
        decode_samples(recording("m4a")[:500], MAX_SECONDS)
    assert refusal.value.detail == InvalidAudio.detail
    assert str(refusal.value) == InvalidAudio.detail
