"""An exception that nothing else handled becomes a 500 response in the shape of its route."""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import GatewayError
from app.http.error_handlers import render
from app.record.request_record import record_of

logger = logging.getLogger(__name__)


class UnhandledErrorsMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = record_of(scope)
        try:
            await self.app(scope, receive, send)
        except Exception:
            logger.exception("unhandled error", extra={"request_id": record.request_id})
            if record.status:  # the response has started
                raise
            await render(GatewayError(), scope)(scope, receive, send)
