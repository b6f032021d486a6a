"""The connection on which a recorded response was requested, as that recording's first reader.

What makes the response also sends it there: a task of its own would cost a third more per event. It never
waits for the client, though: when the connection takes no more, a task reads the recording instead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Final

from starlette.types import Receive, Scope, Send

from app.http.disconnect import DisconnectWatch
from app.http.event_stream import KEEP_ALIVE_SECONDS, OPENING_COMMENT, keep_alive
from app.http.recorded_response import RecordedResponse, notice_of
from app.record.request_record import RequestRecord, record_of
from app.streams.recording import Header, Recording

WRITE_PAUSED: Final = "gateway.write_paused"  # an extension of our server: whether a connection takes no more


class FirstReader:
    """Made and closed by `Exchange`. `send` must not be called by anything else from `start` on.

    Each event passes through `pass_on`, which is no coroutine, as each of them costs a part of an event.
    """

    def __init__(self, recording: Recording, scope: Scope, receive: Receive, send: Send) -> None:
        self._recording = recording
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_write_paused = _write_paused_of(scope)
        self._is_inline = True
        self._sent = 0  # the number of the last chunk that was sent
        self._watch: DisconnectWatch | None = None
        self._keep_alive: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._presence = ExitStack()
        self._presence.enter_context(recording.reading())

    def leave(self) -> None:
        """The client has gone."""
        self._is_inline = False
        self._stop_watching()
        self._presence.close()

    async def start(self, headers: tuple[Header, ...], send_head: Send) -> None:
        """The recording has its head. `headers` are added to it; `send_head` may add more."""
        head = self._recording.head
        assert head is not None
        if not self._is_inline:
            return
        self._watch = DisconnectWatch(self._receive, self.leave)
        message = {"type": "http.response.start", "status": head.status, "headers": [*head.headers, *headers]}
        await send_head(message)
        if head.is_event_stream:
            await self._send({"type": "http.response.body", "body": OPENING_COMMENT, "more_body": True})
            self._keep_alive = asyncio.create_task(
                keep_alive(self._send, KEEP_ALIVE_SECONDS, notice_of(self._recording))
            )

    def pass_on(self, chunk: bytes, *, is_last: bool = False) -> Awaitable[None] | None:
        """Sends what the recording has just taken, if it is to be sent here: await it then.

        The last chunk of an event stream is empty.
        """
        if not self._is_inline:
            return None
        if self._keep_alive is not None and self._is_write_paused():
            self._hand_over()
            return None
        if is_last:
            self.leave()
        self._sent += 1
        return self._send({"type": "http.response.body", "body": chunk, "more_body": not is_last})

    async def finish(self) -> None:
        """Waits until the client has everything, or has gone."""
        if self._task is not None:
            await self._task

    def close(self) -> None:
        self.leave()
        if self._task is not None:
            self._task.cancel()

    def _hand_over(self) -> None:
        """A task reads from here on."""
        self._is_inline = False
        self._stop_watching()
        self._task = asyncio.create_task(self._read(), name="read-recording")

    async def _read(self) -> None:
        # A record of its own: that the connection breaks is no news of the response.
        scope = {**self._scope, "state": {"record": RequestRecord(record_of(self._scope).request_id)}}
        response = RecordedResponse(self._recording, self._sent)
        try:
            await response.send_rest(scope, self._receive, self._send)
        finally:
            self._presence.close()

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.close()
        if self._keep_alive is not None:
            self._keep_alive.cancel()


def _write_paused_of(scope: Scope) -> Callable[[], bool]:
    extension = scope.get("extensions", {}).get(WRITE_PAUSED)
    return _never if extension is None else extension["is_paused"]


def _never() -> bool:
    return False
