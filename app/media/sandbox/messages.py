"""What the gateway, the fork server and a decoding process say to each other: fixed-size structs on sockets.

A decoding process may be in a stranger's hands, so nothing that it sends is believed: every number is
checked against the request.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from app.errors import (
    AudioTooLong,
    BodyTooLarge,
    GatewayError,
    ImageTooLarge,
    InvalidAudio,
    InvalidImage,
    InvalidMedia,
)
from app.media.codecs.base64_text import NOT_BASE64, NOT_BASE64_URI, NOT_FETCHED

EMPTY_FILE: Final = "The file is empty."


class Kind(IntEnum):
    IMAGE = 1
    AUDIO = 2


class Status(IntEnum):
    READY = 1  # `first` has a bit for each of the confinement's layers
    BEGUN = 2  # the job has arrived; what happens from here on is the file's doing
    ASK_SIZE = 3  # `first` and `second`: height and width of the upright picture; the reply is a `Size`
    DONE = 4  # height and width of a PPM file in the result, or how many float32 samples it has, and 0
    REFUSED = 5  # `first`: the place in REFUSALS


REFUSALS: Final[tuple[tuple[type[GatewayError], str | None], ...]] = (
    (InvalidImage, EMPTY_FILE),
    (InvalidImage, None),
    (ImageTooLarge, None),
    (InvalidAudio, EMPTY_FILE),
    (InvalidAudio, None),
    (AudioTooLong, None),
    (BodyTooLarge, None),
    (InvalidMedia, NOT_BASE64),
    (InvalidMedia, NOT_BASE64_URI),
    (InvalidMedia, NOT_FETCHED),
)


@dataclass(frozen=True, slots=True)
class Job:
    """Sent with two descriptors: the file, and where the result goes. `bound` is in pixels or seconds."""

    kind: Kind
    is_base64: bool
    file_bytes: int
    max_file_bytes: int
    bound: int

    FORMAT = struct.Struct("!BBQQQ")

    def pack(self) -> bytes:
        return self.FORMAT.pack(self.kind, self.is_base64, self.file_bytes, self.max_file_bytes, self.bound)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        kind, is_base64, *numbers = cls.FORMAT.unpack(data)
        return cls(Kind(kind), bool(is_base64), *numbers)


@dataclass(frozen=True, slots=True)
class Reply:
    status: Status
    first: int = 0
    second: int = 0

    FORMAT = struct.Struct("!BQQ")

    def pack(self) -> bytes:
        return self.FORMAT.pack(self.status, self.first, self.second)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises `ValueError` and `struct.error`."""
        status, first, second = cls.FORMAT.unpack(data)
        return cls(Status(status), first, second)


PPM_HEADER: Final = b"P6\n%d %d\n255\n"  # width and height; three bytes a pixel follow
SIZE: Final = struct.Struct("!QQ")  # height and width that a picture is shrunk to

FORK: Final = b"F"  # to the fork server, with the socket of the new process


@dataclass(frozen=True, slots=True)
class Forked:
    """From the fork server, with a descriptor of the process; `pid` 0: it could not be made."""

    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """From the fork server: what a process used until it ended. `signal` 0: it ended by itself."""

    pid: int
    signal: int
    peak_bytes: int
    cpu_seconds: float


REPORT: Final = struct.Struct("!cIiQd")  # a letter, then the fields of `Forked` or `Ended`


def pack_report(report: Forked | Ended) -> bytes:
    if isinstance(report, Forked):
        return REPORT.pack(b"F", report.pid, 0, 0, 0.0)
    return REPORT.pack(b"E", report.pid, report.signal, report.peak_bytes, report.cpu_seconds)


def unpack_report(data: bytes) -> Forked | Ended:
    letter, pid, signal, peak_bytes, cpu_seconds = REPORT.unpack(data)
    return Forked(pid) if letter == b"F" else Ended(pid, signal, peak_bytes, cpu_seconds)
