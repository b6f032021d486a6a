"""Segments of a transcript as subtitle files: SubRip (srt) and WebVTT."""

from collections.abc import Iterator, Sequence

from app.http.transcription import Segment


def to_srt(segments: Sequence[Segment]) -> str:
    return "".join(f"{number}\n{cue}" for number, cue in enumerate(_cues(segments, ","), start=1))


def to_vtt(segments: Sequence[Segment]) -> str:
    return "WEBVTT\n\n" + "".join(_cues(segments, "."))


def _cues(segments: Sequence[Segment], point: str) -> Iterator[str]:
    for segment in segments:
        text = segment.text.replace("-->", "→")  # which would begin another cue
        yield f"{_time(segment.start, point)} --> {_time(segment.end, point)}\n{text}\n\n"


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
