"""The boxes of ISO base media files (HEIC, AVIF, m4a), ISO/IEC 14496-12."""

from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_BOXES: Final = 20_000  # a recording in pieces of a second has six for each
_CONTAINERS: Final = frozenset(
    {*(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex", b"udta", b"meta")}
    | {b"iprp", b"ipco", b"ilst", b"dinf", b"tref"}
)
_MAX_DEPTH: Final = 12


class TooManyBoxes(Exception):
    """More than `MAX_BOXES`, or nested too deeply."""


class Box(NamedTuple):
    """`begin` and `end` are the content's offsets in the file, after the header; `parent` is its name."""

    name: bytes
    begin: int
    end: int
    parent: bytes


def walk_boxes(data: bytes) -> Iterator[Box]:
    """Yields every box, parents first. Sizes that reach past the end are cut there.

    Raises `TooManyBoxes`.
    """
    pending = [(0, len(data), b"", 0)]
    count = 0
    while pending:
        at, end, parent, depth = pending.pop()
        while at + 8 <= end:
            count += 1
            if count > MAX_BOXES or depth > _MAX_DEPTH:
                raise TooManyBoxes
            size, header = int.from_bytes(data[at : at + 4]), 8
            if size == 1:
                size, header = int.from_bytes(data[at + 8 : at + 16]), 16
            elif size == 0:
                size = end - at
            if size < header:
                break  # padding, or nonsense that a parser does not read either
            box = Box(data[at + 4 : at + 8], at + header, min(at + size, end), parent)
            yield box
            if box.name in _CONTAINERS:
                pending.append((box.begin + _full_box_bytes(data, box), box.end, box.name, depth + 1))
            at += size


def _full_box_bytes(data: bytes, box: Box) -> int:
    """`meta` has version and flags before its children, save in QuickTime's files."""
    if box.name != b"meta":
        return 0
    return 0 if data[box.begin + 4 : box.begin + 8] == b"hdlr" else 4
