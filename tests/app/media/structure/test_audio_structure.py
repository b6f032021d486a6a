"""Recordings that cost far more than their bytes are refused or reduced before a codec sees them."""

from pathlib import Path

import pytest

from app.errors import InvalidAudio
from app.media.codecs.audio import decode_audio
from app.media.structure.audio import plain_audio
from testbed import hostile_media

from ..conftest import AUDIO_KINDS, recording

SAMPLES = Path(__file__).parents[4] / "samples"


@pytest.mark.parametrize(
    "make",
    [
        hostile_media.m4a_with_samples,
        hostile_media.m4a_with_times,
        lambda: hostile_media.m4a_with_samples(1_100_000),
        lambda: hostile_media.ogg_with_comments(2_000),
        lambda: hostile_media.webm_with_tags(5_000),
        lambda: recording("m4a", 0.1) + b"\0\0\0\x08free" * 30_000,
        lambda: b"\0\0\0\x18ftypM4A " + bytes(12) + b"\0\0\x80\0moov\0\0\x7f\0trak" * 40,
    ],
)
def test_tables_and_tags_without_measure_are_refused(make):
    with pytest.raises(InvalidAudio):
        plain_audio(make())


@pytest.mark.parametrize("make", [hostile_media.mp3_with_tags, hostile_media.flac_with_comments])
def test_tags_that_are_not_heard_are_left_out(make):
    data = make()
    media_format, plain = plain_audio(data)
    assert len(plain) < len(data) / 20
    assert media_format in ("mp3", "flac")
    assert len(decode_audio(data, 10)) == pytest.approx(1_600, abs=400)


def test_what_stands_after_a_tag_says_what_the_recording_is():
    tag = b"ID3\4\0\0\0\0\0\x0aTXXX" + bytes(6)
    for kind in ("mp3", "aac", "flac"):
        data = recording(kind, 0.5)
        assert plain_audio(tag + data)[0] == kind
        assert len(decode_audio(tag + bytes(300) + data, 10)) == pytest.approx(8_000, abs=1_500)


@pytest.mark.parametrize(
    "data", [b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"ID3\4\0\0\0\0\0\0", b"fLaC", b"fLaC\x84\0\0\1"]
)
def test_tags_without_sound_are_refused(data: bytes):
    with pytest.raises(InvalidAudio):
        plain_audio(data)


@pytest.mark.parametrize(
    ("container", "codec"),
    [("ogg", "libopus"), ("flac", "flac"), ("adts", "aac"), ("wav", "pcm_s16le"), ("ipod", "aac")],
)
def test_eight_channels_become_one(container: str, codec: str):
    """A planar frame of eight channels, read as an array, reads past the end of PyAV's list."""
    data = hostile_media.eight_channels(container, codec)
    assert len(decode_audio(data, 10)) == pytest.approx(1_600, abs=600)


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_what_encoders_write_passes(kind: str):
    data = recording(kind, 0.5)
    assert plain_audio(data)[1][-100:] == data[-100:]


@pytest.mark.parametrize("name", ["voice.m4a", "voice.ogg"])
def test_real_recordings_pass(name: str):
    plain_audio((SAMPLES / name).read_bytes())


@pytest.mark.parametrize("junk", [b"APETAGEX" + bytes(120), b"\x01\x02junk" * 40])
def test_an_mp3_is_found_after_other_tags(junk: bytes):
    data = b"ID3\4\0\0\0\0\0\x0aTXXX" + bytes(6) + junk + recording("mp3", 0.5)
    assert plain_audio(data)[0] == "mp3"
    assert len(decode_audio(data, 10)) == pytest.approx(8_000, abs=2_500)


def test_an_opus_page_may_begin_with_any_byte():
    data = bytearray(recording("opus", 2.0))
    last = data.rindex(b"OggS")
    page = bytes(data[last : last + 27]) + b"\x01\x04"
    plain_audio(bytes(data) + page * 200)


def test_constant_sizes_are_only_for_pcm():
    data = bytearray(recording("m4a", 0.2))
    at = data.index(b"stsz") + 8
    data[at : at + 8] = (1).to_bytes(4) + (80_000_000).to_bytes(4)
    with pytest.raises(InvalidAudio):
        plain_audio(bytes(data))
