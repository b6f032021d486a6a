"""One recorded response: what its producer has made of it so far, for any number of readers.

A chunk of an event stream is one event, and events are numbered from 1. Knows bytes, not what they mean.
"""

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from app.errors import GatewayError, StreamAbandoned, StreamStopped, StreamTruncated
from app.streams.bounds import OVERHEAD_BYTES, STEP_BYTES, HeldMemory

CHUNK_OVERHEAD_BYTES: Final = 48  # of a bytes object, and its place in the list
PIECE_BYTES: Final = 64 * 1024  # that a reader gets at once

Header = tuple[bytes, bytes]
STREAM_ID: Final = b"stream-id"  # a header with the id of a recording
EVENT_STREAM: Final[Header] = (b"content-type", b"text/event-stream")
Stop = Callable[[type[GatewayError]], None]  # ends what produces the response, with an error


@dataclass(frozen=True, slots=True)
class ResponseHead:
    status: int
    headers: tuple[Header, ...]

    @property
    def is_event_stream(self) -> bool:
        return EVENT_STREAM in self.headers


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """`path` is that of the route, whose format errors have."""

    recording_id: str
    user_id: str
    path: str


class Recording:
    """Made by `Recordings`, which keeps it for a while. Used on the event loop's thread only.

    Without a reader for `unread_seconds`, a response that is not in the background is stopped; None: it is
    never. Events that do not fit in `held` push out the oldest.
    """

    __slots__ = (
        "_bytes", "_chunks", "_first", "_held", "_on_end", "_packed", "_stop", "_unread", "_unread_seconds",
        "_waiting", "head", "info", "is_background", "is_complete", "is_ended", "is_kept", "notice",
        "readers",
    )  # fmt: skip

    def __init__(
        self,
        info: RecordingInfo,
        held: HeldMemory,
        stop: Stop,
        unread_seconds: float | None,
        on_end: Callable[["Recording"], None],
    ) -> None:
        self.info = info
        self.is_background = False  # it needs no reader
        self.is_kept = True  # after its end, for later readers; else for those alone who are about to read
        self.head: ResponseHead | None = None
        self.is_ended = False
        self.is_complete = False  # it ended as its producer meant it to
        self.notice: Callable[[], bytes | None] | None = None  # for readers, until it is begun or ends
        self.readers = 0
        self._chunks: list[bytes] = []
        self._packed: _PackedChunks | None = None  # in place of the list, when it grows no more
        self._first = 1  # the number of the first chunk
        self._bytes = OVERHEAD_BYTES
        self._held = held
        self._stop = stop
        self._unread_seconds = unread_seconds
        self._unread: asyncio.TimerHandle | None = None
        self._on_end = on_end
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def last_number(self) -> int:
        """Of the newest chunk; 0 if there is none."""
        return self._first + len(self._packed or self._chunks) - 1

    @property
    def first_number(self) -> int:
        """Of the oldest chunk that is kept."""
        return self._first

    def chunks_after(self, number: int, max_bytes: int) -> tuple[int, Sequence[bytes]]:
        """Chunks that follow `number` as far as they are kept, and the number of the first of them.

        They have `max_bytes` at most, unless the first one alone has more.
        """
        first = max(number + 1, self._first)
        if self._packed is not None:
            return first, self._packed.after(first - self._first, max_bytes)
        start = stop = first - self._first
        size = 0
        while stop < len(self._chunks) and (stop == start or size + len(self._chunks[stop]) <= max_bytes):
            size += len(self._chunks[stop])
            stop += 1
        return first, self._chunks[start:stop]

    # The producer

    def start(self, head: ResponseHead) -> None:
        self.head = head
        self._wake()

    def append(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._bytes += len(chunk) + CHUNK_OVERHEAD_BYTES
        if self._bytes > self._held.size:
            self._make_room()
        if self._waiting:
            self._wake()

    def seal(self) -> None:
        """Its last chunk is there: nothing stops it any more."""
        self._stop = _stop_nothing

    def end(self, *, is_complete: bool) -> None:
        """No chunk follows. May be called again, which changes nothing."""
        if self.is_ended:
            return
        self.is_ended = True
        self.is_complete = is_complete
        self.notice = None
        self._stop = _stop_nothing  # what made it can be freed
        self._stop_timer()
        self._wake()
        if not self.readers:
            self._pack()
        self._on_end(self)

    def skip_to(self, number: int) -> None:
        """The next chunk has that number; those before it are gone."""
        self._bytes = OVERHEAD_BYTES
        self._chunks = []
        self._first = number
        self._wake()

    # Readers

    @contextmanager
    def reading(self) -> Iterator[None]:
        """For as long as someone reads, or is about to."""
        self.readers += 1
        self._stop_timer()
        try:
            yield
        finally:
            self.readers -= 1
            if not self.readers:
                self._note_no_reader()

    @contextmanager
    def joining(self) -> Iterator[None]:
        """As `reading`, for anyone but the first reader. Raises `TooManyReaders` and `Overloaded`."""
        with self._held.joined(), self.reading():
            yield

    def note_reader_elsewhere(self) -> None:
        """Another process reads a copy."""
        if self._unread is not None:
            self._stop_timer()
            self._note_no_reader()

    async def has_started(self) -> bool:
        """Waits for the head; False if the recording ended without one."""
        while self.head is None and not self.is_ended:
            await self._change()
        return self.head is not None

    async def has_ended(self) -> bool:
        """Waits for the end; False if it is not complete."""
        while not self.is_ended:
            await self._change()
        return self.is_complete

    def run_in_background(self) -> None:
        """It needs no reader."""
        self.is_background = True
        self._wake()

    async def is_accepted(self) -> bool:
        """Waits until it is in the background, or has started, or has ended. Whether it is the first."""
        while not (self.is_background or self.head is not None or self.is_ended):
            await self._change()
        return self.is_background and self.head is None and not self.is_ended

    async def read(self, after: int) -> AsyncGenerator[bytes, None]:
        """The chunks that follow number `after`, several at once if there are, until the recording's end.

        Several have `PIECE_BYTES` at most: that is what a slow reader holds. Raises `StreamTruncated` if some
        of them are no longer kept.
        """
        position = after + 1
        while True:
            if position < self._first:
                raise StreamTruncated
            if position <= self.last_number:
                _, chunks = self.chunks_after(position - 1, PIECE_BYTES)
                position += len(chunks)
                yield chunks[0] if len(chunks) == 1 else b"".join(chunks)
            elif self.is_ended:
                return
            else:
                await self._change()

    def stop(self) -> None:
        """At a client's request."""
        if not self.is_ended:
            self._stop(StreamStopped)

    def discard(self) -> None:
        """Gives its memory back. Whoever still reads it finds that it is truncated."""
        self._first = self.last_number + 2
        self._chunks = []
        self._packed = None
        self._held.resize(0)
        self._wake()

    def _note_no_reader(self) -> None:
        if self.is_ended:
            self._pack()
        elif not self.is_background and self._unread_seconds is not None:
            loop = asyncio.get_running_loop()
            self._unread = loop.call_later(self._unread_seconds, self._abandon)

    def _abandon(self) -> None:
        self._stop(StreamAbandoned)

    def _pack(self) -> None:
        if self._chunks:
            self._packed = _PackedChunks(self._chunks)
            self._chunks = []
            self._held.resize(min(OVERHEAD_BYTES + self._packed.size, self._held.size))

    def _make_room(self) -> None:
        if self._held.resize(self._bytes + STEP_BYTES):
            return
        dropped = 0
        while self._bytes > self._held.size - STEP_BYTES / 2 and dropped < len(self._chunks):
            self._bytes -= len(self._chunks[dropped]) + CHUNK_OVERHEAD_BYTES
            dropped += 1
        del self._chunks[:dropped]
        self._first += dropped

    async def _change(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():  # cancelled, as its reader has left
                each.set_result(None)

    def _stop_timer(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def _stop_nothing(_: type[GatewayError]) -> None:
    return None


class _PackedChunks:
    """Chunks that take their own bytes, and four each."""

    __slots__ = ("_all", "_starts")

    def __init__(self, chunks: list[bytes]) -> None:
        self._all = b"".join(chunks)
        self._starts = array("I", accumulate(map(len, chunks), initial=0))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def after(self, count: int, max_bytes: int) -> list[bytes]:
        """Those that follow the first `count`, as `Recording.chunks_after` returns them."""
        if count >= len(self):
            return []
        stop = bisect_right(self._starts, self._starts[count] + max_bytes)
        starts = self._starts[count : max(stop, count + 2)]
        return [self._all[start:end] for start, end in pairwise(starts)]

    @property
    def size(self) -> int:
        return len(self._all) + len(self._starts) * self._starts.itemsize
