"""Copies the recordings of this process to Redis, in batches: what all of them have gained goes in one call.

What Redis has lost, or did not take, is written again: the recordings themselves are in memory.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

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

MAX_BATCH_BYTES: Final = 256 * 1024  # of one call, so that it is not taken for one that fails
MAX_STOPS: Final = 100


@dataclass(slots=True)
class _Copy:
    """How far the copy of a recording is."""

    recording: Recording
    has_info: bool = False
    has_head: bool = False
    is_background: bool = False
    has_end: bool = False
    last_number: int = 0
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


class RecordingWriter:
    """Created by `SharedRecordings`, whose calls it takes part in: each `add_…` has its `take_…`."""

    def __init__(self, gateway_id: str, kept_seconds: float) -> None:
        self._gateway_id = gateway_id
        self._kept_seconds = max(int(kept_seconds), 1)
        self._copies: dict[str, _Copy] = {}
        self._batch: list[tuple[_Copy, _Copy, int]] = []  # a copy, what it becomes, and its commands
        self._checked: list[_Copy] = []
        self._lost: list[_Copy] = []

    @property
    def is_idle(self) -> bool:
        return not self._copies

    def add(self, recording: Recording) -> None:
        self._copies[recording.info.recording_id] = _Copy(recording)

    def forget(self, recording: Recording) -> None:
        self._copies.pop(recording.info.recording_id, None)

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

    def add_batch(self, pipeline: Pipeline) -> None:
        """What recordings have gained, and a look at what is to be stopped."""
        pipeline.lpop(stops_key(self._gateway_id), MAX_STOPS)
        self._batch, left = [], MAX_BATCH_BYTES
        for copy in tuple(self._copies.values()):
            if copy.is_behind and left > 0:
                before = len(pipeline.command_stack)
                copied, size = self._add_copy(pipeline, copy)
                left -= size
                self._batch.append((copy, copied, len(pipeline.command_stack) - before))

    def take_batch(self, results: list[Any]) -> int:
        """Returns how many results it has taken. Raises `RedisError`."""
        _raise_errors(results[:1])
        for recording_id in results[0] or ():
            if (copy := self._copies.get(recording_id.decode())) is not None:
                copy.recording.stop()
        position = 1
        for copy, copied, count in self._batch:
            _raise_errors(results[position : position + count])
            position += count
            copy.has_info, copy.has_head, copy.has_end = copied.has_info, copied.has_head, copied.has_end
            copy.is_background, copy.last_number = copied.is_background, copied.last_number
            if copy.has_end and copy not in self._lost:
                self.forget(copy.recording)
                if copy.is_forgotten:
                    copy.recording.discard()
        for copy in self._lost:  # also what this batch wrote: it lacks the beginning
            copy.has_info = copy.has_head = copy.is_background = copy.has_end = False
            copy.last_number = 0
        self._lost = []
        return position

    def add_renewal(self, pipeline: Pipeline) -> None:
        """The lease, whether Redis still has what runs, and whether other gateways have readers of it."""
        pipeline.set(lease_key(self._gateway_id), 1, ex=LEASE_SECONDS)
        self._checked = list(self._copies.values())
        for copy in self._checked:
            recording_id = copy.recording.info.recording_id
            pipeline.exists(state_key(recording_id))
            pipeline.exists(reader_key(recording_id))

    def take_renewal(self, results: list[Any]) -> int:
        _raise_errors(results[: 1 + 2 * len(self._checked)])
        for index, copy in enumerate(self._checked):
            is_there, is_read = results[1 + 2 * index], results[2 + 2 * index]
            if not is_there and copy.has_info:
                self._lost.append(copy)
            if is_read:
                copy.recording.note_reader_elsewhere()
        return 1 + 2 * len(self._checked)

    def _add_copy(self, pipeline: Pipeline, copy: _Copy) -> tuple[_Copy, int]:
        recording = copy.recording
        recording_id = recording.info.recording_id
        state, chunks = state_key(recording_id), chunks_key(recording_id)
        copied = _Copy(
            recording,
            has_info=True,
            has_head=recording.head is not None,
            is_background=recording.is_background,
            has_end=recording.is_ended,
            last_number=recording.last_number,
        )
        fields: dict[str, str | bytes | int] = {}
        if not copy.has_info:
            pipeline.delete(chunks)
            info = recording.info
            fields = {"user": info.user_id, "path": info.path, "gateway": self._gateway_id}
        if recording.head is not None and not copy.has_head:
            head = recording.head
            headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in head.headers]
            fields |= {"status": head.status, "headers": orjson.dumps(headers)}
        if recording.is_background != copy.is_background:
            fields["background"] = 1
        first, pieces = recording.chunks_after(copy.last_number)
        if pieces:
            lengths = ",".join(map(str, map(len, pieces)))
            entry = {"first": first, "lengths": lengths, "chunks": b"".join(pieces)}
            pipeline.xadd(chunks, entry, id=f"{recording.last_number}-0")  # type: ignore[arg-type]  # its dict
            if not copy.last_number:
                pipeline.expire(chunks, RUNNING_TTL_SECONDS)
            if recording.first_number > 1:
                pipeline.xtrim(chunks, minid=f"{recording.first_number}-0", approximate=False)
        if recording.is_ended:
            end = "complete" if recording.is_complete else "broken"
            pipeline.xadd(chunks, {"end": end}, id=f"{recording.last_number}-1")
        if fields:
            pipeline.hset(state, mapping=fields)  # type: ignore[arg-type]  # likewise
        if not copy.has_info or recording.is_ended:
            seconds = self._kept_seconds if recording.is_ended else RUNNING_TTL_SECONDS
            pipeline.expire(state, seconds)
            pipeline.expire(chunks, seconds)
        return copied, sum(map(len, pieces))


def _raise_errors(results: list[Any]) -> None:
    """An entry that Redis has already is one whose confirmation was lost."""
    for result in results:
        if isinstance(result, ResponseError) and "equal or smaller" in str(result):
            continue
        if isinstance(result, Exception):
            raise result
