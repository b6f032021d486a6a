"""WebM: how many tags it has. FFmpeg's time for them grows with the square of their number."""

from typing import Final

from app.errors import InvalidAudio

MAX_SIMPLE_TAGS: Final = 4_000  # 25 MB of sound have the two bytes of their name some 400 times by chance
_SIMPLE_TAG: Final = b"\x67\xc8"


def check_matroska(data: bytes) -> None:
    """Raises `InvalidAudio`."""
    if data.count(_SIMPLE_TAG) > MAX_SIMPLE_TAGS:
        raise InvalidAudio
