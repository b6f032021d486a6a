"""The recorded responses that this process keeps: those that are being made, and those that ended lately.

A user sees only their own; for everyone else they do not exist.
"""

import asyncio
import secrets
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from app.errors import Overloaded, StreamNotFound
from app.redis.shared_redis import SharedRedis
from app.streams.bounds import StreamBounds
from app.streams.recording import Recording, RecordingInfo, Stop
from app.streams.redis.shared_recordings import TIMEOUT_SECONDS, SharedRecordings

ID_BYTES: Final = 24  # random, so that an id cannot be guessed
UNKEPT_SECONDS: Final = 5.0  # after its end, of one that is not kept: for readers that are on their way
UNSHARED: Final = "/admin/"  # paths whose responses have tokens, which Redis must not have


@dataclass(frozen=True, slots=True)
class Keeping:
    """`unread_seconds`: how long a response is made that nobody reads; `ended_seconds`: how long one is kept
    that has ended.
    """

    unread_seconds: float
    ended_seconds: float


class Recordings:
    """Opened and closed by `app/lifespan.py`; used on the event loop's thread."""

    def __init__(
        self,
        bounds: StreamBounds,
        keeping: Keeping,
        redis: SharedRedis | None = None,
        redis_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """With `redis`, other gateways see them. It stays open, and has `redis_seconds` for a call.

        What has ended is evicted if `bounds` have no memory for something else.
        """
        self._bounds = bounds
        bounds.evict = self._evict
        self._shared: SharedRecordings | None = None
        if redis is not None:
            self._shared = SharedRecordings(redis, self._make_copy, self._kept_seconds, redis_seconds)
        self._keeping = keeping
        self._recordings: dict[str, Recording] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}  # of those that have ended, the oldest first
        self._ended_of_user: defaultdict[str, dict[str, None]] = defaultdict(dict)  # likewise
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
        if self._shared is not None and not path.startswith(UNSHARED):
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
            self._forget(self._recordings[recording_id])

    def _kept_seconds(self, recording: Recording) -> float:
        """After its end."""
        kept_seconds = self._keeping.ended_seconds
        return kept_seconds if recording.is_kept else min(UNKEPT_SECONDS, kept_seconds)

    def _note_end(self, recording: Recording) -> None:
        recording_id = recording.info.recording_id
        if recording_id not in self._recordings:
            return
        loop = asyncio.get_running_loop()
        seconds = self._kept_seconds(recording)
        self._expiries[recording_id] = loop.call_later(seconds, self._expire, recording)
        self._ended_of_user[recording.info.user_id][recording_id] = None

    def _expire(self, recording: Recording) -> None:
        if recording.readers:
            self._remove(recording)
            self._recordings[recording.info.recording_id] = recording
            self._note_end(recording)
        else:
            self._forget(recording)

    def _forget(self, recording: Recording) -> None:
        self._remove(recording)
        if self._shared is None or not self._shared.will_discard(recording):
            recording.discard()

    def _evict(self, user_id: str | None) -> bool:
        """The oldest that has ended and that nobody reads, from Redis as well. False: there is none."""
        ended = self._expiries if user_id is None else self._ended_of_user.get(user_id, ())
        for recording_id in ended:
            recording = self._recordings[recording_id]
            if not recording.readers:
                self._remove(recording)
                if self._shared is not None:
                    self._shared.remove(recording)
                recording.discard()
                return True
        return False

    def _remove(self, recording: Recording) -> None:
        info = recording.info
        del self._recordings[info.recording_id]
        expiry = self._expiries.pop(info.recording_id, None)
        if expiry is not None:
            expiry.cancel()
            del self._ended_of_user[info.user_id][info.recording_id]
            if not self._ended_of_user[info.user_id]:
                del self._ended_of_user[info.user_id]

    def _make_copy(self, info: RecordingInfo) -> Recording:
        """Of a recording of another gateway. Raises `Overloaded`."""
        held = self._bounds.hold(info.user_id)
        if held is None:
            raise Overloaded
        # Its own gateway stops it when nobody reads it.
        return Recording(info, held, _do_nothing, unread_seconds=None, on_end=_do_nothing)


def _do_nothing(_: object) -> None:
    return None
