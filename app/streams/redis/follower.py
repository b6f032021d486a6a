"""Recordings of other processes, copied from Redis for as long as someone reads them here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
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

MAX_ENTRIES: Final = 500  # of one recording in one call
IDLE_SECONDS: Final = 2.0  # without a reader, before a copy is given up
PATIENCE_SECONDS: Final = 1.0  # with a gateway whose lease has lapsed
LOST_SECONDS: Final = 3.0  # without Redis, before the readers are told that the stream is interrupted


@dataclass(slots=True)
class _Followed:
    recording: Recording
    gateway_id: str  # that makes it
    read_at: float = field(default_factory=time.monotonic)  # when it last had a reader
    heard_at: float = field(default_factory=time.monotonic)  # when Redis last responded
    lapsed_at: float | None = None  # since when that gateway has no lease


MakeRecording = Callable[[RecordingInfo], Recording]


class RecordingFollower:
    """Created by `SharedRecordings`, whose calls it takes part in: each `add_…` has its `take_…`."""

    def __init__(self, make_recording: MakeRecording) -> None:
        self._make_recording = make_recording
        self._followed: dict[str, _Followed] = {}
        self._asked: list[_Followed] = []
        self._headless: list[_Followed] = []
        self._gateways: list[str] = []

    @property
    def is_idle(self) -> bool:
        return not self._followed

    @property
    def readers(self) -> int:
        return sum(followed.recording.readers for followed in self._followed.values())

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
        self._followed[recording_id] = _Followed(recording, state[b"gateway"].decode())
        return recording

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
            key = state_key(followed.recording.info.recording_id)
            pipeline.hmget(key, "status", "headers", "background")
        if self._asked:
            positions = {
                chunks_key(each.recording.info.recording_id): f"{each.recording.last_number}-0"
                for each in self._asked
            }
            pipeline.xread(positions, count=MAX_ENTRIES)  # type: ignore[arg-type]  # its dict

    def take_reads(self, results: list[Any]) -> None:
        """Raises `RedisError`."""
        for result in results:
            if isinstance(result, Exception):
                raise result
        if not self._asked:
            return
        alive = dict(zip(self._gateways, results, strict=False))
        heads = results[len(self._gateways) : -1]
        for followed, (status, headers, background) in zip(self._headless, heads, strict=True):
            if background is not None and not followed.recording.is_background:
                followed.recording.run_in_background()
            if status is not None:
                followed.recording.start(_head(status, headers))
        entries_of: dict[str, list[Any]] = {key.decode(): entries for key, entries in results[-1] or ()}
        for followed in self._asked:
            entries = entries_of.get(chunks_key(followed.recording.info.recording_id), [])
            followed.heard_at = time.monotonic()
            if followed.recording.head is None and entries and b"chunks" in entries[0][1]:
                entries = []  # they are read again with the head, which is there in a moment
            for _, entry in entries:
                _take_entry(followed.recording, entry)
            if not entries and _has_failed(followed, is_alive=bool(alive[followed.gateway_id])):
                followed.recording.end(is_complete=False)

    def add_presence(self, pipeline: Pipeline) -> int:
        """Says that there are readers here. Returns the number of its results, which say nothing."""
        read = [each for each in self._followed.values() if each.recording.readers]
        for followed in read:
            pipeline.set(reader_key(followed.recording.info.recording_id), 1, ex=READER_TTL_SECONDS)
        return len(read)

    def give_up_lost(self) -> None:
        """While Redis is unavailable."""
        now = time.monotonic()
        for followed in self._followed.values():
            if now - followed.heard_at > LOST_SECONDS:
                followed.recording.end(is_complete=False)
        self._drop_idle()

    def close(self) -> None:
        for followed in self._followed.values():
            followed.recording.end(is_complete=False)
            followed.recording.discard()
        self._followed.clear()

    def _drop_idle(self) -> None:
        now = time.monotonic()
        for recording_id, followed in tuple(self._followed.items()):
            if followed.recording.readers:
                followed.read_at = now
            elif now - followed.read_at > IDLE_SECONDS:
                del self._followed[recording_id]
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
