"""Lets web pages of other origins call the gateway (CORS), if `GATEWAY_CORS_ORIGINS` lists them.

Never the operators' routes, and never with cookies: a page must send a token of its own. Every header is
allowed, since SDKs add theirs, and with them a page can do nothing that another client could not.
"""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.record.request_record import record_of

EXPOSED_HEADERS: Final = (
    *("X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("Idempotency-Replayed", "Location", "Preference-Applied", "Stream-Id"),
)
PREFLIGHT_ROUTE: Final = "preflight"  # in the log and in metrics
_MAX_AGE_SECONDS: Final = 7200  # the most that Chromium takes
_OF_OPERATORS: Final = re.compile(r"/(admin|metrics|ops)(/|\Z)")


class CrossOriginMiddleware:
    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self.app = app
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods="*",
            allow_headers="*",
            allow_private_network=True,  # of a gateway in one, to the origins that may call it anyway
            expose_headers=EXPOSED_HEADERS,
            max_age=_MAX_AGE_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _OF_OPERATORS.match(scope["path"]):
            await self.app(scope, receive, send)
            return
        if _is_preflight(scope):
            if not self._cors.is_allowed_origin(Headers(scope=scope)["origin"]):
                await self.app(scope, receive, send)  # its error has the gateway's format
                return
            record_of(scope).route = PREFLIGHT_ROUTE
        await self._cors(scope, receive, send)


def _is_preflight(scope: Scope) -> bool:
    if scope["method"] != "OPTIONS":
        return False
    headers = Headers(scope=scope)
    return "origin" in headers and "access-control-request-method" in headers
