"""Recordings of other processes, copied from Redis for as long as someone reads them here."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app.streams.recording import Recording, RecordingInfo, ResponseHead
from app.streams.redis.keys import (
    READER_TTL_SECONDS,
    chunks_key,
    lease_key,
    reader_key,
    state_key,
)
from app.streams.redis.script import Script

MAX_READ_BYTES: Final = 256 * 1024  # in one call, of all recordings
IDLE_SECONDS: Final = 2.0  # without a reader, before a copy is given up
PATIENCE_SECONDS: Final = 1.0  # with a gateway whose lease has lapsed
LOST_SECONDS: Final = 3.0  # without Redis, before the readers are told that the stream is interrupted


@dataclass(slots=True)
class _Followed:
    recording: Recording
    gateway_id: str  # that makes it
    read_at: float  # when it last had a reader
    heard_at: float  # when Redis last responded
    lapsed_at: float | None = None  # since when that gateway has no lease

    @property
    def recording_id(self) -> str:
        return self.recording.info.recording_id


MakeRecording = Callable[[RecordingInfo], Recording]


class RecordingFollower:
    """Created by `SharedRecordings`, whose calls it takes part in: each `add_…` has its `take_…`.

    `clock` is monotonic seconds.
    """

    def __init__(self, make_recording: MakeRecording, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_full = False  # there was more to read than one call takes
        self._make_recording = make_recording
        self._clock = clock
        self._script = Script.read("read_chunks")
        self._followed: dict[str, _Followed] = {}  # the one that waits longest comes first
        self._given_up: list[_Followed] = []  # they were interrupted: for the readers that they still have
        self._asked: list[_Followed] = []
        self._headless: list[_Followed] = []
        self._gateways: list[str] = []
        self._in_presence = 0

    @property
    def is_idle(self) -> bool:
        return not (self._followed or self._given_up)

    @property
    def readers(self) -> int:
        return sum(each.recording.readers for each in (*self._followed.values(), *self._given_up))

    def find(self, recording_id: str) -> Recording | None:
        """One that is followed already."""
        followed = self._followed.get(recording_id)
        return None if followed is None else followed.recording

    def gateway_of(self, recording_id: str) -> str:
        return self._followed[recording_id].gateway_id

    async def follow(self, client: Redis, recording_id: str, user_id: str) -> Recording | None:
        """None if Redis has none of that user. Raises `RedisError`."""
        state: dict[bytes, bytes] = await client.hgetall(state_key(recording_id))  # type: ignore[assignment]
        if state.get(b"user", b"").decode() != user_id:
            return None
        if (found := self.find(recording_id)) is not None:  # someone else was faster
            return found
        info = RecordingInfo(recording_id, user_id, state[b"path"].decode())
        recording = self._make_recording(info)
        now = self._clock()
        self._followed[recording_id] = _Followed(recording, state[b"gateway"].decode(), now, now)
        return recording

    def add_renewal(self, pipeline: Pipeline) -> None:
        """The script, and that there are readers here."""
        self._script.add_load(pipeline)
        read = [each for each in self._followed.values() if each.recording.readers]
        for followed in read:
            pipeline.set(reader_key(followed.recording_id), 1, ex=READER_TTL_SECONDS)
        self._in_presence = len(read)

    def take_renewal(self, results: Iterator[Any]) -> None:
        for _ in range(1 + self._in_presence):
            next(results)

    def add_reads(self, pipeline: Pipeline) -> None:
        """Whether their gateways are alive, heads that are missing, and one read of all chunks.

        In this order: what a gateway wrote before it failed is read before it is given up.
        """
        self._drop_idle()
        self._asked = [each for each in self._followed.values() if not each.recording.is_ended]
        self._headless = [each for each in self._asked if each.recording.head is None]
        self._gateways = sorted({each.gateway_id for each in self._asked})
        for gateway_id in self._gateways:
            pipeline.exists(lease_key(gateway_id))
        for followed in self._headless:
            pipeline.hmget(state_key(followed.recording_id), "status", "headers", "background")
        if self._asked:
            keys = [chunks_key(each.recording_id) for each in self._asked]
            positions = [f"{each.recording.last_number}-0" for each in self._asked]
            self._script.add(pipeline, keys, [MAX_READ_BYTES, *positions])

    def take_reads(self, results: Iterator[Any]) -> None:
        self.is_full = False
        if not self._asked:
            return
        alive = {gateway_id: bool(next(results)) for gateway_id in self._gateways}
        for followed in self._headless:
            status, headers, background = next(results)
            if background is not None and not followed.recording.is_background:
                followed.recording.run_in_background()
            if status is not None:
                followed.recording.start(_head(status, headers))
        whole_count, found = next(results)
        entries_of: dict[int, list[Any]] = dict(found)
        for index, followed in enumerate(self._asked, 1):
            entries = [
                dict(zip(pairs[::2], pairs[1::2], strict=True)) for _, pairs in entries_of.get(index, ())
            ]
            is_whole = index <= whole_count
            self._take_entries(followed, entries, is_whole=is_whole, is_alive=alive[followed.gateway_id])
        self.is_full = whole_count < len(self._asked)

    def give_up_lost(self) -> None:
        """While Redis is unavailable."""
        now = self._clock()
        for followed in tuple(self._followed.values()):
            if now - followed.heard_at > LOST_SECONDS and not followed.recording.is_ended:
                self._give_up(followed)
        self._drop_idle()

    def close(self) -> None:
        for followed in (*self._followed.values(), *self._given_up):
            followed.recording.end(is_complete=False)
            followed.recording.discard()
        self._followed.clear()
        self._given_up.clear()

    def _take_entries(
        self, followed: _Followed, entries: list[dict[bytes, bytes]], *, is_whole: bool, is_alive: bool
    ) -> None:
        """`is_whole`: there are no more of them."""
        followed.heard_at = self._clock()
        recording = followed.recording
        if recording.head is None and entries and b"chunks" in entries[0]:
            entries = []  # they are read again with the head, which is there in a moment
        for entry in entries:
            _take_entry(recording, entry)
        if entries and self._followed.get(followed.recording_id) is followed:
            del self._followed[followed.recording_id]
            self._followed[followed.recording_id] = followed  # the others come first next time
        if is_whole and not entries and _has_failed(followed, is_alive=is_alive):
            self._give_up(followed)

    def _give_up(self, followed: _Followed) -> None:
        """Its readers find it interrupted; whoever asks for it from now on asks Redis again."""
        followed.recording.end(is_complete=False)
        if self._followed.get(followed.recording_id) is followed:
            del self._followed[followed.recording_id]
            self._given_up.append(followed)

    def _drop_idle(self) -> None:
        now = self._clock()
        for followed in (*self._followed.values(), *self._given_up):
            if followed.recording.readers:
                followed.read_at = now
        for recording_id, followed in tuple(self._followed.items()):
            if now - followed.read_at > IDLE_SECONDS:
                del self._followed[recording_id]
                followed.recording.discard()
        for followed in tuple(self._given_up):
            if now - followed.read_at > IDLE_SECONDS:
                self._given_up.remove(followed)
                followed.recording.discard()


def _head(status: bytes, headers: bytes) -> ResponseHead:
    pairs = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in orjson.loads(headers))
    return ResponseHead(int(status), tuple(pairs))


def _has_failed(followed: _Followed, *, is_alive: bool) -> bool:
    """A gateway that could not reach Redis for a while soon has a lease again."""
    if is_alive:
        followed.lapsed_at = None
        return False
    if followed.lapsed_at is None:
        followed.lapsed_at = followed.heard_at
    return followed.heard_at - followed.lapsed_at > PATIENCE_SECONDS


def _take_entry(recording: Recording, entry: dict[bytes, bytes]) -> None:
    if (end := entry.get(b"end")) is not None:
        recording.end(is_complete=end == b"complete")
        return
    first = int(entry[b"first"])
    if first > recording.last_number + 1:
        recording.skip_to(first)
    chunks = entry[b"chunks"]
    places = accumulate(map(int, entry[b"lengths"].split(b",")), initial=0)
    for number, (start, stop) in enumerate(pairwise(places), first):
        if number > recording.last_number:  # an entry may repeat what another one has
            recording.append(chunks[start:stop])
