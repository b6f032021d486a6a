"""Segments of a transcript as subtitle files: SubRip (srt) and WebVTT."""

from collections.abc import Sequence

from app.http.transcription import Segment


def to_srt(segments: Sequence[Segment]) -> str:
    return "".join(
        f"{number}\n{_cue(segment, ',', _text(segment))}" for number, segment in enumerate(segments, start=1)
    )


def to_vtt(segments: Sequence[Segment]) -> str:
    """In WebVTT, `&` begins an entity and `<` a tag."""
    texts = (_text(segment).replace("&", "&amp;").replace("<", "&lt;") for segment in segments)
    return "WEBVTT\n\n" + "".join(
        _cue(segment, ".", text) for segment, text in zip(segments, texts, strict=True)
    )


def _text(segment: Segment) -> str:
    """Without what would end a cue, or begin another one: a blank line, and an arrow."""
    lines = segment.text.replace("-->", "→").splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())


def _cue(segment: Segment, point: str, text: str) -> str:
    return f"{_time(segment.start, point)} --> {_time(segment.end, point)}\n{text}\n\n"


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
