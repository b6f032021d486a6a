"""The last net: an exception that nothing else answered becomes a 500 in the shape of its route."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.error_handlers import render
from app.errors import GatewayError

logger = logging.getLogger(__name__)


class UnhandledErrorsMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_started = False

        async def note_start(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, note_start)
        except Exception:
            logger.exception("unhandled error", extra={"request_id": scope["state"]["record"].request_id})
            if has_started:
                raise
            await render(GatewayError(), scope)(scope, receive, send)
