"""Sends what a recording has of a response, from any event on, and goes on as it grows."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import GatewayError, StreamInterrupted, StreamTruncated
from app.http.disconnect import AbortOnDisconnect
from app.http.error_handlers import error_schema_of
from app.http.event_stream import (
    KEEP_ALIVE_SECONDS,
    OPENAI_DONE,
    Notice,
    named_event,
    openai_event,
    send_events,
)
from app.localisation import Language, language_of, translate
from app.record.request_record import record_of
from app.schemas.problems import OpenAIError, openai_error_of, problem_of
from app.streams.recording import Header, Recording


class RecordedResponse(Response):
    """`after`: the number of the last event that the client has. `headers` are added to the recorded ones.

    `is_first`: it is sent on the connection of its own request. `running` is entered wherever it waits, and
    may end it there. Raises `StreamInterrupted` if there is nothing to send, `StreamTruncated`, what
    `Recording.joining` and what `running` raises, as far as nothing is sent yet.
    """

    def __init__(
        self,
        recording: Recording,
        after: int = 0,
        headers: tuple[Header, ...] = (),
        *,
        is_first: bool = False,
        running: AbstractContextManager[None] | None = None,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self._recording = recording
        self._after = after
        self._added = headers
        self._is_first = is_first
        self._running = running or nullcontext()
        self._keep_alive_seconds = keep_alive_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._recording.reading() if self._is_first else self._recording.joining():
                await self._send(scope, receive, send)
        except ClientDisconnect:
            record_of(scope).error_code = "client_disconnected"

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        recording = self._recording
        async with AbortOnDisconnect(receive):
            with self._running:
                if not await recording.has_started():
                    raise StreamInterrupted
            head = recording.head
            assert head is not None
            if not head.is_event_stream:
                with self._running:
                    is_complete = await recording.has_ended()
                if not is_complete:
                    raise StreamInterrupted
                if recording.first_number > 1:
                    raise StreamTruncated
        headers = [*head.headers, *self._added]
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        if head.is_event_stream:
            events = self._events(scope)
            await send_events(events, receive, send, self._keep_alive_seconds, notice_of(self._recording))
        else:
            await self._send_body(send)

    async def _send_body(self, send: Send) -> None:
        """Of a response that is no stream, piece by piece."""
        async with aclosing(self._recording.read(0)) as pieces:
            piece: bytes | None = await anext(pieces, b"")
            while piece is not None:
                following = await anext(pieces, None)
                is_last = following is None
                await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
                piece = following

    async def send_rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of an event stream whose head and first events are sent."""
        with suppress(ClientDisconnect):
            await send_events(self._events(scope), receive, send, self._keep_alive_seconds, opening=b"")

    async def _events(self, scope: Scope) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._recording.read(self._after)) as events:
                while True:
                    with self._running:
                        piece = await anext(events, None)
                    if piece is None:
                        break
                    yield piece
            if not self._recording.is_complete:
                raise StreamInterrupted
        except GatewayError as error:
            record_of(scope).error_code = error.code
            yield self._last_event(error, record_of(scope).request_id, language_of(scope["headers"]))

    def _last_event(self, error: GatewayError, request_id: str, language: Language) -> bytes:
        """Of this reader alone. It has no number: a client that resumes must not skip what follows."""
        path = self._recording.info.path
        if path == "/v1/responses":
            message = translate(error.detail, language)
            details = {"type": "error", "code": error.code, "message": message, "param": ""}
            return named_event("error", details)
        if error_schema_of(path) is OpenAIError:
            return openai_event(openai_error_of(error, language)) + OPENAI_DONE
        return named_event("error", problem_of(error, request_id, language=language))


def notice_of(recording: Recording) -> Notice:
    """Where the request of a recording waits, as long as it does."""

    def look() -> bytes | None:
        return None if recording.notice is None else recording.notice()

    return look
