"""Sends the response of a guarded route: adds the limits' headers, and records that it has started."""

import asyncio
from typing import Final

from starlette.types import Message, Send

GRACE_SECONDS: Final = 2.0  # for the last bytes of a stream that has begun, past the time-out

_EVENT_STREAM: Final = (b"content-type", b"text/event-stream")


class ResponseSender:
    """Made by `GuardedRoute` for one request. `timer` is its time-out, which an event stream extends."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.timer: asyncio.Timeout | None = None
        self.has_started = False
        self.headers: dict[str, str] = {}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            if _EVENT_STREAM in message["headers"]:
                self._extend_timer()
            limits = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
            present = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name, value) for name, value in limits if name not in present),
            ]
        await self._send(message)

    def _extend_timer(self) -> None:
        if self.timer is not None and (ends_at := self.timer.when()) is not None:
            self.timer.reschedule(ends_at + GRACE_SECONDS)
