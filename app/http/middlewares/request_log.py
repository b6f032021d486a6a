"""Gives every request its id and its record, and logs and counts the record when the request ends.

The outermost middleware: it sees every response, including those of the other middlewares.
"""

import asyncio
import random
import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.event_stream import SEND_EVENT
from app.http.request_end import end_request
from app.http.services import Services
from app.record.request_record import RequestRecord

REQUEST_ID_HEADER: Final = b"x-request-id"
ACCEPTABLE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
INTERNAL_SERVER_ERROR: Final = 500


class RequestLogMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = RequestRecord(_request_id_of(scope), method=scope["method"])
        services: Services = scope["app"].state.services
        if services.telemetry is not None:
            record.trace = services.telemetry.begin_trace(scope["path"], scope["headers"])
        state = scope.setdefault("state", {})
        state["record"] = record
        state[SEND_EVENT] = send
        header = (REQUEST_ID_HEADER, record.request_id.encode())

        async def record_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                record.is_response_sent = True
                await asyncio.sleep(0)  # the server sends it before the rest is done

        try:
            await self.app(scope, receive, record_and_send)
        finally:
            record.status = record.status or INTERNAL_SERVER_ERROR
            end_request(record, services.metrics, services.history, services.usage_writer, services.telemetry)
        state.clear()  # what it holds refers to the scope, and would wait for the garbage collector with it


def _request_id_of(scope: Scope) -> str:
    """The caller's own id if it is harmless, so that it can be followed across services; else a new one."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and ACCEPTABLE_REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return f"req_{random.getrandbits(64):016x}"
