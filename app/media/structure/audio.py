"""Which check a recording's format has, and what of the file a codec is given."""

from app.errors import InvalidAudio
from app.media.sniff import MediaFormat, sniff
from app.media.structure.flac import plain_flac
from app.media.structure.id3 import without_id3
from app.media.structure.matroska import check_matroska
from app.media.structure.mp4 import check_mp4
from app.media.structure.ogg import check_ogg
from app.media.structure.wav import plain_wav


def plain_audio(data: bytes) -> tuple[MediaFormat, bytes]:
    """The format of a recording, and its bytes without what costs time and is not heard.

    Raises `InvalidAudio`.
    """
    plain = without_id3(data)
    media_format = sniff(plain)
    if media_format is None and 0 < len(plain) < len(data):
        media_format = "mp3"  # other tags, or a size that is wrong: FFmpeg searches for the first frame
    data = plain
    match media_format:
        case "m4a":
            check_mp4(data)
        case "ogg":
            check_ogg(data)
        case "webm":
            check_matroska(data)
        case "flac":
            data = plain_flac(data)
        case "wav":
            data = plain_wav(data)
        case "mp3" | "aac" | "amr":
            pass
        case _:
            raise InvalidAudio
    return media_format, data
