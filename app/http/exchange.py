"""A request of a guarded route and its response: on its connection alone, or recorded.

A recorded response is made whether or not its connection still exists: the recording takes it in, and the
connection is one of the recording's readers.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final, Literal, Protocol

import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.http.event_stream import TAKE_EVENT
from app.http.first_reader import FirstReader
from app.http.preferences import PREFERENCE_APPLIED, Preference
from app.http.recorded_response import RecordedResponse
from app.localisation import Language, language_of
from app.record.request_record import record_of
from app.streams.recording import (
    EVENT_STREAM,
    PIECE_BYTES,
    STREAM_ID,
    Header,
    Recording,
    ResponseHead,
)

GRACE_SECONDS: Final = 2.0  # for the last bytes of a stream that has begun, past the time-out
ACCEPT_SECONDS: Final = 1.0  # for the engine to refuse a request in the background
ACCEPTED: Final = 202
BAD_REQUEST: Final = 400


class ResponseListener(Protocol):
    """Hears of a response what its recording takes in. Its end is recorded after `end` returns."""

    def start(self, head: ResponseHead) -> None: ...

    def add(self, chunk: bytes) -> None: ...

    async def end(self) -> None: ...


class Exchange:
    """Made by `GuardedRoute`, which closes it. `timer` is its time-out, which an event stream extends.

    `limit_headers` are those of the user's limits, which only the first response has.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.timer: asyncio.Timeout | None = None
        self.has_started = False
        self.limit_headers: dict[str, str] = {}
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_body_complete = False
        self._recorded: _RecordedExchange | None = None

    @property
    def path(self) -> str:
        path: str = self._scope["path"]
        return path

    @property
    def language(self) -> Language:
        """Of the errors in a stream."""
        return language_of(self._scope["headers"])

    @property
    def recording(self) -> Recording | None:
        """What the response is recorded in."""
        return None if self._recorded is None else self._recorded.recording

    async def receive(self) -> Message:
        """As ASGI has it. A recorded response is not told that its client has gone."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._is_body_complete = not message.get("more_body", False)
        elif self._recorded is not None and self._is_body_complete:
            self._recorded.note_gone()
            await asyncio.get_running_loop().create_future()
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Returns what is to be awaited: a coroutine of its own would do nothing but wait for it."""
        if message["type"] == "http.response.start":
            self.has_started = True
            if EVENT_STREAM in message["headers"]:
                self._extend_timer()
        if self._recorded is not None:
            return self._recorded.take(message)
        return self._send_with_limits(message)

    def record(self, recording: Recording, listener: ResponseListener | None = None) -> None:
        """From here on the response is recorded, and `listener` hears of it. Call it before it starts."""
        assert self._recorded is None
        assert not self.has_started
        self._recorded = _RecordedExchange(
            recording, listener, self._scope, self._receive, self._send, self._send_with_limits
        )
        self._scope["state"][TAKE_EVENT] = self._recorded.take_event

    def keep(self) -> None:
        """The recorded response can be read after its end, and the client is told its id."""
        assert self._recorded is not None
        self._recorded.recording.is_kept = True

    def number_events(self) -> None:
        """For events that have no numbers of their own."""
        assert self._recorded is not None
        self._recorded.numbers_events = True

    def respond_in_background(self) -> None:
        """The connection gets 202 at once, unless the request is refused. The response is recorded."""
        assert self._recorded is not None
        self._recorded.begin_to_accept()

    def apply(self, preference: Preference) -> None:
        """Of a recorded response: its first reader is told."""
        assert self._recorded is not None
        self._recorded.applied.append(preference)

    def note_begun(self) -> None:
        """The engine has begun a generation of this request."""
        if self._recorded is not None:
            self._recorded.begun.set()

    async def finish(self) -> None:
        """Waits until the client has a recorded response, or has gone."""
        if self._recorded is not None:
            await self._recorded.finish()

    def close(self) -> None:
        """Ends what did not end by itself."""
        if self._recorded is not None:
            self._recorded.close()

    def _send_with_limits(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            present = {name for name, _ in headers}
            for name, value in self.limit_headers.items():
                raw_name = name.lower().encode()
                if raw_name not in present:
                    headers.append((raw_name, value.encode()))
            message["headers"] = headers
        return self._send(message)

    def _extend_timer(self) -> None:
        if self.timer is not None and (ends_at := self.timer.when()) is not None:
            self.timer.reschedule(ends_at + GRACE_SECONDS)


class _RecordedExchange:
    """`send` goes to the connection, and `send_head` adds the limits to a head."""

    def __init__(
        self,
        recording: Recording,
        listener: ResponseListener | None,
        scope: Scope,
        receive: Receive,
        send: Send,
        send_head: Send,
    ) -> None:
        self.recording = recording
        self._listener = listener
        self.numbers_events = False
        self.applied: list[Preference] = []
        self.begun = asyncio.Event()
        self.first_reader: FirstReader | None = FirstReader(recording, scope, receive, send)
        self._scope = scope
        self._receive = receive
        self._send_head = send_head
        self._accepting: asyncio.Task[None] | None = None

    async def take(self, message: Message) -> None:
        """A message of the response."""
        if message["type"] == "http.response.start":
            await self._start(message)
            return
        chunk: bytes = message["body"]
        is_last = not message.get("more_body", False)
        if chunk:
            self._record(chunk)
            if self._listener is not None:
                self._listener.add(chunk)
        if is_last:
            await self._end()
        if self.first_reader is not None:
            sending = self.first_reader.pass_on(chunk, is_last=is_last)
            if sending is not None:
                await sending

    async def take_event(self, event: bytes) -> None:
        """An event of the response, with less work than a message."""
        if self.numbers_events:
            event = b"id: %d\n%b" % (self.recording.last_number + 1, event)
        self.recording.append(event)
        if self._listener is not None:
            self._listener.add(event)
        if self.first_reader is not None:
            sending = self.first_reader.pass_on(event)
            if sending is not None:
                await sending

    def _record(self, chunk: bytes) -> None:
        head = self.recording.head
        assert head is not None
        if head.is_event_stream:
            self.recording.append(chunk)
            return
        for start in range(0, len(chunk), PIECE_BYTES):
            self.recording.append(chunk[start : start + PIECE_BYTES])

    async def _end(self) -> None:
        """The response is whole, whatever ends this task while the listener keeps it."""
        self.recording.seal()
        try:
            if self._listener is not None:
                await self._listener.end()
        finally:
            self.recording.end(is_complete=True)
            record_of(self._scope).is_response_sent = True

    async def _start(self, message: Message) -> None:
        recording = self.recording
        record_of(self._scope).status = message["status"]
        headers: tuple[Header, ...] = tuple(message["headers"])
        if recording.is_kept:
            headers = (*headers, (STREAM_ID, recording.info.recording_id.encode()))
        head = ResponseHead(message["status"], headers)
        recording.start(head)
        if self._listener is not None:
            self._listener.start(head)
        self.begun.set()
        if self.first_reader is not None:
            await self.first_reader.start(self._applied_headers(), self._send_head)

    def note_gone(self) -> None:
        """The client has gone before the response started."""
        if self.first_reader is not None:
            self.first_reader.leave()

    def begin_to_accept(self) -> None:
        assert self.first_reader is not None
        self.recording.run_in_background()
        self.first_reader.leave()
        self.first_reader = None
        self._accepting = asyncio.create_task(self._accept(), name="accept-in-background")

    async def finish(self) -> None:
        if self._accepting is not None:
            await self._accepting
        if self.first_reader is not None:
            await self.first_reader.finish()

    def close(self) -> None:
        self.recording.end(is_complete=False)
        if self._accepting is not None:
            self._accepting.cancel()
        if self.first_reader is not None:
            self.first_reader.close()

    async def _accept(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ACCEPT_SECONDS):
                await self.begun.wait()
        recording = self.recording
        response: Response
        if recording.head is not None and recording.head.status >= BAD_REQUEST:
            response = RecordedResponse(recording, headers=self._applied_headers(), is_first=True)
        else:
            status: Literal["queued", "in_progress"] = "in_progress" if self.begun.is_set() else "queued"
            response = accepted_response(recording, status, self._applied_headers())
        await response(self._scope, self._receive, self._send_head)

    def _applied_headers(self) -> tuple[Header, ...]:
        return tuple((PREFERENCE_APPLIED, preference.encode()) for preference in self.applied)


def accepted_response(
    recording: Recording, status: Literal["queued", "in_progress"], headers: tuple[Header, ...] = ()
) -> Response:
    """The response to a request in the background."""
    recording_id = recording.info.recording_id
    response = Response(
        orjson.dumps({"id": recording_id, "status": status}), ACCEPTED, media_type="application/json"
    )
    location = f"/streams/{recording_id}".encode()
    response.raw_headers += [(STREAM_ID, recording_id.encode()), (b"location", location), *headers]
    return response
