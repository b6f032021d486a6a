"""Subtitle files, byte by byte."""

from app.http.subtitles import to_srt, to_vtt
from app.http.transcription import Segment

SEGMENTS = [Segment(0.25, 1.9996, "hello there", 0.1), Segment(3_661.5, 3_725.0, "a --> b", 0.1)]


def test_srt() -> None:
    assert to_srt(SEGMENTS) == (
        "1\n00:00:00,250 --> 00:00:02,000\nhello there\n\n2\n01:01:01,500 --> 01:02:05,000\na → b\n\n"
    )


def test_vtt() -> None:
    assert to_vtt(SEGMENTS) == (
        "WEBVTT\n\n00:00:00.250 --> 00:00:02.000\nhello there\n\n01:01:01.500 --> 01:02:05.000\na → b\n\n"
    )


def test_text_ends_no_cue_and_begins_no_tag() -> None:
    segments = [Segment(0, 1, "a < b & c\n\n d", 0.1)]
    assert to_srt(segments) == "1\n00:00:00,000 --> 00:00:01,000\na < b & c\nd\n\n"
    assert to_vtt(segments) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt; b &amp; c\nd\n\n"


def test_without_segments() -> None:
    assert (to_srt([]), to_vtt([])) == ("", "WEBVTT\n\n")
