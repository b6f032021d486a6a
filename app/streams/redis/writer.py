"""Copies the recordings of this process to Redis, in batches: what all of them have gained goes in one call.

What Redis has lost, or did not take, is written again, as long as the recordings themselves are in memory.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson
from redis.asyncio.client import Pipeline

from app.streams.recording import Recording
from app.streams.redis.keys import (
    LEASE_SECONDS,
    RUNNING_TTL_SECONDS,
    chunks_key,
    lease_key,
    reader_key,
    state_key,
    stops_key,
)
from app.streams.redis.script import Script

MAX_BATCH_BYTES: Final = 256 * 1024  # of one call, so that it is not taken for one that fails
MAX_ENTRY_BYTES: Final = 32 * 1024  # unless one chunk is larger; a reader takes at least one entry
COPY_BYTES: Final = 512  # of a call, for a recording without its chunks
MAX_CHECKS: Final = 500  # in one call, of responses that Redis may have lost

KeptSeconds = Callable[[Recording], float]  # after its end


@dataclass(slots=True)
class _Copy:
    """How far the copy of a recording is."""

    recording: Recording
    has_info: bool = False
    has_head: bool = False
    is_background: bool = False
    has_end: bool = False
    last_number: int = 0
    ended_at: float | None = None  # when its end was first seen here
    is_forgotten: bool = False  # it is discarded once its end is written

    @property
    def is_behind(self) -> bool:
        recording = self.recording
        return (
            not self.has_info
            or (recording.head is not None and not self.has_head)
            or self.last_number < recording.last_number
            or recording.is_background != self.is_background
            or recording.is_ended
        )

    def start_again(self) -> None:
        """Redis has lost it."""
        self.has_info = self.has_head = self.is_background = self.has_end = False
        self.last_number = 0


@dataclass(frozen=True, slots=True)
class _Gain:
    """What Redis gets for one recording: what the script calls its details, and the chunks of each entry."""

    details: dict[str, Any]
    chunks: list[bytes]


class RecordingWriter:
    """Created by `SharedRecordings`, whose calls it takes part in: each `add_…` has its `take_…`.

    `kept_seconds` says how long a recording is kept after its end.
    """

    def __init__(self, gateway_id: str, kept_seconds: KeptSeconds) -> None:
        self.is_full = False  # there was more to write than one call takes
        self._gateway_id = gateway_id
        self._kept_seconds = kept_seconds
        self._script = Script.read("write_recordings")
        self._copies: dict[str, _Copy] = {}  # the one that waits longest comes first
        self._ended: dict[str, _Copy] = {}  # those that are written to their end
        self._has_lease = False
        self._suspects: deque[_Copy] = deque()  # of the ended ones: Redis may have lost them
        self._removed: set[str] = set()
        self._stopped: set[bytes] = set()  # as others asked
        self._batch: list[tuple[_Copy, _Copy]] = []  # a copy, and what it becomes
        self._in_renewal: list[_Copy] = []
        self._in_check: list[_Copy] = []
        self._in_removal: set[str] = set()

    @property
    def is_idle(self) -> bool:
        return not (self._copies or self._suspects or self._removed or self._stopped)

    @property
    def has_ended(self) -> bool:
        """Whether it must notice that Redis loses something."""
        return bool(self._ended)

    def add(self, recording: Recording) -> None:
        self._copies[recording.info.recording_id] = _Copy(recording)

    def forget(self, recording: Recording) -> None:
        self._copies.pop(recording.info.recording_id, None)
        self._ended.pop(recording.info.recording_id, None)

    def remove(self, recording: Recording) -> None:
        """From Redis as well."""
        self.forget(recording)
        self._removed.add(recording.info.recording_id)

    def will_discard(self, recording: Recording) -> bool:
        """Once its end is written. False: it is written already."""
        copy = self._copies.get(recording.info.recording_id)
        if copy is None or not recording.is_ended:
            self.forget(recording)
            return False
        copy.is_forgotten = True
        return True

    def discard_forgotten(self) -> None:
        """While Redis is unavailable."""
        for copy in tuple(self._copies.values()):
            if copy.is_forgotten:
                self.forget(copy.recording)
                copy.recording.discard()

    # The lease, and what Redis may have lost

    def add_renewal(self, pipeline: Pipeline) -> None:
        """The script, the lease, and whether Redis has what runs and other gateways have readers of it."""
        self._script.add_load(pipeline)
        pipeline.set(lease_key(self._gateway_id), 1, ex=LEASE_SECONDS, get=True)
        self._in_renewal = list(self._copies.values())
        for copy in self._in_renewal:
            recording_id = copy.recording.info.recording_id
            pipeline.expire(state_key(recording_id), RUNNING_TTL_SECONDS)
            pipeline.exists(reader_key(recording_id))

    def take_renewal(self, results: Iterator[Any]) -> None:
        next(results)
        had_lease = next(results) is not None
        if self._has_lease and not had_lease:
            self._suspects.extend(self._ended.values())
        self._has_lease = True
        for copy in self._in_renewal:
            is_there, is_read = next(results), next(results)
            if copy.has_info and not is_there:
                copy.start_again()
            if is_read:
                copy.recording.note_reader_elsewhere()

    # What is written

    def add_batch(self, pipeline: Pipeline) -> None:
        """What recordings have gained, and a look at what is to be stopped."""
        stops = stops_key(self._gateway_id)
        if self._stopped:
            pipeline.srem(stops, *self._stopped)
        pipeline.smembers(stops)
        self._in_removal = set(self._removed)
        for recording_id in self._in_removal:
            pipeline.unlink(state_key(recording_id), chunks_key(recording_id))
        self._in_check = list(islice(self._suspects, MAX_CHECKS))
        for copy in self._in_check:
            recording_id = copy.recording.info.recording_id
            pipeline.exists(state_key(recording_id), chunks_key(recording_id))
        self._add_copies(pipeline)

    def take_batch(self, results: Iterator[Any]) -> None:
        if self._stopped:
            next(results)
        self._stopped = set(next(results))
        for name in self._stopped:
            if (copy := self._copies.get(name.decode())) is not None:
                copy.recording.stop()
        for recording_id in self._in_removal:
            next(results)
            self._removed.discard(recording_id)
        for copy in self._in_check:
            self._take_check(copy, next(results))
            self._suspects.popleft()
        if self._batch:
            lost = set(next(results))
            for number, (copy, copied) in enumerate(self._batch, 1):
                self._take_copy(copy, copied, is_written=number not in lost)

    def _take_check(self, copy: _Copy, existing_keys: int) -> None:
        recording = copy.recording
        expected = 2  # the end is an entry, so there are chunks
        if existing_keys < expected and self._ended.pop(recording.info.recording_id, None) is not None:
            copy.start_again()
            self._copies[recording.info.recording_id] = copy

    def _take_copy(self, copy: _Copy, copied: _Copy, *, is_written: bool) -> None:
        recording_id = copy.recording.info.recording_id
        if self._copies.get(recording_id) is not copy:
            return  # it was forgotten meanwhile
        del self._copies[recording_id]
        if not is_written:
            copy.start_again()
        elif not copied.has_end:
            copied.is_forgotten = copy.is_forgotten
            copy = copied
        else:
            if copy.is_forgotten:
                copy.recording.discard()
            else:
                self._ended[recording_id] = copied
            return
        self._copies[recording_id] = copy

    def _add_copies(self, pipeline: Pipeline) -> None:
        self._batch = []
        keys: list[str] = []
        gains: list[_Gain] = []
        left = MAX_BATCH_BYTES
        for recording_id, copy in self._copies.items():
            if copy.is_behind and left > 0:
                copied, gain = self._gain_of(copy, left)
                left -= COPY_BYTES + sum(map(len, gain.chunks))
                self._batch.append((copy, copied))
                keys += [state_key(recording_id), chunks_key(recording_id)]
                gains.append(gain)
        self.is_full = left <= 0
        if gains:
            chunks = (piece for gain in gains for piece in gain.chunks)
            self._script.add(pipeline, keys, [orjson.dumps([gain.details for gain in gains]), *chunks])

    def _gain_of(self, copy: _Copy, max_bytes: int) -> tuple[_Copy, "_Gain"]:
        """What the copy becomes, and what Redis gets for it."""
        recording = copy.recording
        if recording.is_ended and copy.ended_at is None:
            copy.ended_at = time.monotonic()
        first, chunks = recording.chunks_after(copy.last_number, max_bytes)
        last_number = first + len(chunks) - 1
        copied = _Copy(
            recording,
            has_info=True,
            has_head=recording.head is not None,
            is_background=recording.is_background,
            has_end=recording.is_ended and last_number == recording.last_number,
            last_number=last_number,
            ended_at=copy.ended_at,
        )
        end: list[str] = []
        if copied.has_end:
            end = [f"{last_number}-1", "complete" if recording.is_complete else "broken"]
        entries = list(_entries(first, chunks))
        details = {
            "before": "nothing" if not copy.has_info else "chunks" if copy.last_number else "state",
            "seconds": self._seconds_to_live(copied),
            "oldest": f"{recording.first_number}-0" if recording.first_number > 1 else "",
            "fields": self._new_fields(copy),
            "entries": [
                (f"{start + len(pieces) - 1}-0", str(start), ",".join(map(str, map(len, pieces))))
                for start, pieces in entries
            ],
            "end": end,
        }
        return copied, _Gain(details, [b"".join(pieces) for _, pieces in entries])

    def _new_fields(self, copy: _Copy) -> list[str]:
        """Names and values."""
        recording = copy.recording
        fields: list[str] = []
        if not copy.has_info:
            info = recording.info
            fields += ["user", info.user_id, "path", info.path, "gateway", self._gateway_id]
        if recording.head is not None and not copy.has_head:
            head = recording.head
            headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in head.headers]
            fields += ["status", str(head.status), "headers", orjson.dumps(headers).decode()]
        if recording.is_background != copy.is_background:
            fields += ["background", "1"]
        return fields

    def _seconds_to_live(self, copied: _Copy) -> int:
        if not copied.has_end or copied.ended_at is None:
            return RUNNING_TTL_SECONDS
        kept_seconds = self._kept_seconds(copied.recording)
        return max(int(copied.ended_at + kept_seconds - time.monotonic()), 1)


def _entries(first: int, chunks: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """The number of the first chunk of each entry, and its chunks."""
    start = size = 0
    for index, chunk in enumerate(chunks):
        if size and size + len(chunk) > MAX_ENTRY_BYTES:
            yield first + start, chunks[start:index]
            start, size = index, 0
        size += len(chunk)
    if chunks:
        yield first + start, chunks[start:]
