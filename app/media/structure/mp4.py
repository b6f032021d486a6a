"""m4a: how many samples its tables claim. FFmpeg makes an index of all of them before any bound applies."""

from typing import Final

from app.errors import InvalidAudio
from app.media.structure.boxes import Box, TooManyBoxes, walk_boxes

MAX_TRACKS: Final = 16
MAX_SAMPLES: Final = (
    1_000_000  # of all tracks; five minutes in pieces of 2.5 ms, the shortest there are, have 120,000
)
MAX_METADATA_ITEMS: Final = 1_000  # each one is searched for among those before it
_VERSION_AND_FLAGS_BYTES: Final = 4


def check_mp4(data: bytes) -> None:
    """Raises `InvalidAudio`."""
    samples = tracks = items = 0
    try:
        for box in walk_boxes(data):
            samples += _claimed_samples(data, box)
            tracks += box.name in (b"trak", b"traf") and box.parent == b"moov"
            items += box.parent in (b"ilst", b"udta")
            if samples > MAX_SAMPLES or tracks > MAX_TRACKS or items > MAX_METADATA_ITEMS:
                raise InvalidAudio
    except TooManyBoxes:
        raise InvalidAudio from None


def _claimed_samples(data: bytes, box: Box) -> int:
    begin = box.begin + _VERSION_AND_FLAGS_BYTES
    match box.name:
        case b"trun":
            return int.from_bytes(data[begin : begin + 4])
        case b"stsz" | b"stz2":
            is_constant = box.name == b"stsz" and any(data[begin : begin + 4])
            # PCM has one sample a moment, all of one size: FFmpeg keeps chunks of them, not each.
            return 0 if is_constant else int.from_bytes(data[begin + 4 : begin + 8])
        case b"ctts":
            return _repeated(data, begin, box.end)
        case b"stts":
            is_pcm = (
                int.from_bytes(data[begin : begin + 4]) == 1 and data[begin + 8 : begin + 12] == b"\0\0\0\1"
            )
            return 0 if is_pcm else _repeated(data, begin, box.end)
        case _:
            return 0


def _repeated(data: bytes, begin: int, end: int) -> int:
    """The sum of the first numbers of pairs, which say how often the second one holds."""
    entries = min(int.from_bytes(data[begin : begin + 4]), (end - begin - 4) // 8, MAX_SAMPLES)
    table = memoryview(data)[begin + 4 : begin + 4 + 8 * entries]
    return sum(int.from_bytes(table[at : at + 4]) for at in range(0, len(table), 8))
