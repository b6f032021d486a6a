"""The recorded responses that this process keeps: those that are being made, and those that ended lately.

A user sees only their own; for everyone else they do not exist.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.errors import StreamNotFound
from app.streams.bounds import StreamBounds
from app.streams.recording import Recording, RecordingInfo, Stop

ID_BYTES: Final = 24  # random, so that an id cannot be guessed


@dataclass(frozen=True, slots=True)
class Keeping:
    """`unread`: how long a response is made that nobody reads. `ended`: how long one is kept that ended."""

    unread: timedelta
    ended: timedelta


class Recordings:
    """Opened and closed by `app/lifespan.py`; used on the event loop's thread."""

    def __init__(self, bounds: StreamBounds, keeping: Keeping) -> None:
        self._bounds = bounds
        self._keeping = keeping
        self._recordings: dict[str, Recording] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self.refused = 0  # for want of memory

    def begin(
        self, user_id: str, path: str, stop: Stop, recording_id: str | None = None, *, is_kept: bool = True
    ) -> Recording | None:
        """A new recording, which its producer ends. None: there is no memory for one.

        `stop` ends the producer. `recording_id` must not be in use; by default it is made here.
        """
        held = self._bounds.hold(user_id)
        if held is None:
            self.refused += 1
            return None
        info = RecordingInfo(recording_id or new_recording_id(), user_id, path)
        recording = Recording(info, held, stop, self._keeping.unread.total_seconds(), self._note_end)
        recording.is_kept = is_kept
        self._recordings[info.recording_id] = recording
        return recording

    async def find(self, recording_id: str, user_id: str) -> Recording:
        """Raises `StreamNotFound` if it is unknown, has expired or is someone else's."""
        recording = self._recordings.get(recording_id)
        if recording is None or recording.info.user_id != user_id:
            raise StreamNotFound
        return recording

    def count(self, *, ended: bool) -> int:
        return sum(recording.is_ended is ended for recording in self._recordings.values())

    @property
    def readers(self) -> int:
        return sum(recording.readers for recording in self._recordings.values())

    async def aclose(self) -> None:
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
        seconds = self._keeping.ended.total_seconds()
        self._expiries[recording_id] = loop.call_later(seconds, self._forget, recording_id)

    def _forget(self, recording_id: str) -> None:
        self._expiries.pop(recording_id, None)
        self._recordings.pop(recording_id).discard()


def new_recording_id() -> str:
    return f"str_{secrets.token_urlsafe(ID_BYTES)}"
