"""The recorded responses that this process keeps: those that are being made, and those that ended lately.

A user sees only their own; for everyone else they do not exist.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from app.errors import Overloaded, StreamNotFound
from app.redis.shared_redis import SharedRedis
from app.streams.bounds import StreamBounds
from app.streams.recording import Recording, RecordingInfo, Stop
from app.streams.redis.shared_recordings import SharedRecordings

ID_BYTES: Final = 24  # random, so that an id cannot be guessed


@dataclass(frozen=True, slots=True)
class Keeping:
    """`unread_seconds`: how long a response is made that nobody reads; `ended_seconds`: how long one is kept
    that has ended.
    """

    unread_seconds: float
    ended_seconds: float


class Recordings:
    """Opened and closed by `app/lifespan.py`; used on the event loop's thread."""

    def __init__(self, bounds: StreamBounds, keeping: Keeping, redis: SharedRedis | None = None) -> None:
        """With `redis`, other gateways see them. It stays open."""
        self._bounds = bounds
        self._shared: SharedRecordings | None = None
        if redis is not None:
            self._shared = SharedRecordings(redis, self._make_copy, keeping.ended_seconds)
        self._keeping = keeping
        self._recordings: dict[str, Recording] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self.refused = 0  # for want of memory

    def begin(self, user_id: str, path: str, stop: Stop, *, is_kept: bool = True) -> Recording | None:
        """A new recording, which its producer ends; `stop` ends the producer. None: there is no memory."""
        held = self._bounds.hold(user_id)
        if held is None:
            self.refused += 1
            return None
        info = RecordingInfo(f"str_{secrets.token_urlsafe(ID_BYTES)}", user_id, path)
        recording = Recording(info, held, stop, self._keeping.unread_seconds, self._note_end)
        recording.is_kept = is_kept
        self._recordings[info.recording_id] = recording
        if self._shared is not None:
            self._shared.add(recording)
        return recording

    async def find(self, recording_id: str, user_id: str) -> Recording:
        """Of this or another gateway.

        Raises `StreamNotFound` if it is unknown, has expired or is someone else's, and `StreamsUnavailable`
        if only Redis knows.
        """
        recording = self._recordings.get(recording_id)
        if recording is None and self._shared is not None:
            recording = await self._shared.find(recording_id, user_id)
        if recording is None or recording.info.user_id != user_id:
            raise StreamNotFound
        return recording

    async def stop(self, recording_id: str, user_id: str) -> None:
        """Raises as `find` does."""
        recording = await self.find(recording_id, user_id)
        if recording_id in self._recordings:
            recording.stop()
        elif self._shared is not None:
            await self._shared.stop(recording)

    @property
    def is_degraded(self) -> bool:
        """Whether other gateways do not see what they should, as Redis is unavailable."""
        return self._shared is not None and self._shared.is_degraded

    def count(self, *, ended: bool) -> int:
        return sum(recording.is_ended is ended for recording in self._recordings.values())

    @property
    def readers(self) -> int:
        """Here, also of recordings of other gateways."""
        elsewhere = 0 if self._shared is None else self._shared.readers
        return elsewhere + sum(recording.readers for recording in self._recordings.values())

    async def aclose(self) -> None:
        if self._shared is not None:
            await self._shared.aclose()
            self._shared = None
        for expiry in self._expiries.values():
            expiry.cancel()
        for recording_id in tuple(self._recordings):
            self._forget(recording_id)

    def _note_end(self, recording: Recording) -> None:
        """It has ended, or has ended and lost its last reader."""
        recording_id = recording.info.recording_id
        if recording_id in self._expiries or recording_id not in self._recordings:
            return
        if not recording.is_kept:
            if not recording.readers:
                self._forget(recording_id)
            return
        loop = asyncio.get_running_loop()
        self._expiries[recording_id] = loop.call_later(self._keeping.ended_seconds, self._expire, recording)

    def _expire(self, recording: Recording) -> None:
        recording_id = recording.info.recording_id
        if recording.readers:
            del self._expiries[recording_id]
            self._note_end(recording)
        else:
            self._forget(recording_id)

    def _forget(self, recording_id: str) -> None:
        self._expiries.pop(recording_id, None)
        recording = self._recordings.pop(recording_id)
        if self._shared is None or not self._shared.will_discard(recording):
            recording.discard()

    def _make_copy(self, info: RecordingInfo) -> Recording:
        """Of a recording of another gateway. Raises `Overloaded`."""
        held = self._bounds.hold(info.user_id)
        if held is None:
            raise Overloaded
        # Its own gateway stops it when nobody reads it.
        return Recording(info, held, _do_nothing, unread_seconds=None, on_end=_do_nothing)


def _do_nothing(_: object) -> None:
    return None
