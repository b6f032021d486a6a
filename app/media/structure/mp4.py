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
    samples = constant_samples = tracks = items = 0
    is_pcm = True
    try:
        for box in walk_boxes(data):
            samples += _claimed_samples(data, box)
            constant_samples += _constant_samples(data, box)
            is_pcm = is_pcm and (box.name != b"stts" or _is_pcm(data, box))
            tracks += box.name in (b"trak", b"traf") and box.parent == b"moov"
            items += box.parent in (b"ilst", b"udta")
            if samples > MAX_SAMPLES or tracks > MAX_TRACKS or items > MAX_METADATA_ITEMS:
                raise InvalidAudio
            if box.name == b"cmov":  # a compressed table of contents, which no current program writes
                raise InvalidAudio
    except TooManyBoxes:
        raise InvalidAudio from None
    # PCM has a sample for each instant, all of one size: FFmpeg keeps chunks of them, not each.
    if constant_samples > MAX_SAMPLES and not is_pcm:
        raise InvalidAudio


def _claimed_samples(data: bytes, box: Box) -> int:
    begin = box.begin + _VERSION_AND_FLAGS_BYTES
    match box.name:
        case b"trun":
            return int.from_bytes(data[begin : begin + 4])
        case b"stsz" | b"stz2" if not _is_constant(data, box):
            return int.from_bytes(data[begin + 4 : begin + 8])
        case b"ctts":
            return _repeated(data, begin, box.end)
        case b"stts" if not _is_pcm(data, box):
            return _repeated(data, begin, box.end)
        case _:
            return 0


def _constant_samples(data: bytes, box: Box) -> int:
    """How many samples of one size a `stsz` claims."""
    begin = box.begin + _VERSION_AND_FLAGS_BYTES
    return int.from_bytes(data[begin + 4 : begin + 8]) if _is_constant(data, box) else 0


def _is_constant(data: bytes, box: Box) -> bool:
    begin = box.begin + _VERSION_AND_FLAGS_BYTES
    return box.name == b"stsz" and any(data[begin : begin + 4])


def _is_pcm(data: bytes, stts: Box) -> bool:
    """One entry: every sample lasts one instant."""
    begin = stts.begin + _VERSION_AND_FLAGS_BYTES
    return int.from_bytes(data[begin : begin + 4]) == 1 and data[begin + 8 : begin + 12] == b"\0\0\0\1"


def _repeated(data: bytes, begin: int, end: int) -> int:
    """The sum of the first numbers of pairs, which say how often the second one holds."""
    entries = min(int.from_bytes(data[begin : begin + 4]), (end - begin - 4) // 8, MAX_SAMPLES)
    table = memoryview(data)[begin + 4 : begin + 4 + 8 * entries]
    return sum(int.from_bytes(table[at : at + 4]) for at in range(0, len(table), 8))
