"""Checks before a route: token, scope, limits, sizes and time, before the body is read.

FastAPI reads the body before it resolves dependencies, so a dependency would let an unauthenticated client
upload first. A route class sees the request earlier and, unlike a dependency, also the end of the response.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from app import errors
from app.auth.principal import Principal
from app.auth.principal import Scope as TokenScope
from app.http.bearer_token import bearer_token, verify_token
from app.http.body.request_body import RequestBody
from app.http.body.strict_request import StrictRequest
from app.http.call import Call, call_of
from app.http.client_address import client_address
from app.http.error_handlers import GIVE_BACK, SERVICE_UNAVAILABLE, response_to
from app.http.exchange import Exchange
from app.http.keyed_response import KEY_HEADER, read_keyed_request, respond_once
from app.http.media_types import JSON, is_compressed, media_type_of
from app.http.running_calls import RunningCall
from app.http.services import Services
from app.record.request_record import record_of
from app.sentence import Sentence

DEADLINE_MARGIN: Final = 0.04  # of the request time-out: the engine stops that much earlier
BODYLESS_METHODS: Final = frozenset({"GET", "HEAD", "DELETE"})
MAX_PUBLIC_BYTES: Final = 16 * 1024  # of a body without a token: the longest holds a token of 8 kB


@dataclass(frozen=True, slots=True)
class Access:
    """What a route requires. `generates`: the user's limits apply and `Call.begin` may be used.
    `ends_with_token`: a call that still runs ends when its token is revoked. `takes_keys`: a POST with an
    Idempotency-Key runs once.
    """

    scope: TokenScope | Literal["any"] | None
    generates: bool
    accepts: tuple[str, ...]
    takes_media: bool
    ends_with_token: bool = False
    takes_keys: bool = False


def guarded(
    scope: TokenScope | Literal["any"] | None,
    *,
    generates: bool = False,
    accepts: tuple[str, ...] = (JSON,),
    takes_media: bool = False,
    ends_with_token: bool = False,
    takes_keys: bool = False,
) -> type[APIRoute]:
    """A `route_class` for `APIRouter`. `"any"` takes every valid token, None needs no token."""
    required = Access(
        scope, generates, accepts, takes_media, generates or ends_with_token, generates or takes_keys
    )

    class Guarded(GuardedRoute):
        access = required

    return Guarded


class GuardedRoute(APIRoute):
    access: ClassVar[Access]

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: as FastAPI has them
        super().__init__(*args, **options)
        if self.access.generates:
            # Such a route takes only the request. FastAPI's dependencies would take a tenth of its time.
            self.app = self._respond

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            raise errors.MethodNotAllowed(headers={"Allow": self._allowed_methods(scope["app"])})
        record = record_of(scope)
        record.route = self.path_format
        record.route_generates = self.access.generates
        exchange = Exchange(scope, receive, send)
        try:
            await self._handle_in_time(scope, exchange)
        except Exception as error:
            await _refuse(error, exchange, scope, exchange.receive, exchange.send)
            await exchange.finish()
        finally:
            exchange.close()

    async def _handle_in_time(self, scope: Scope, exchange: Exchange) -> None:
        services: Services = scope["app"].state.services
        timeout = services.settings.request_timeout_seconds
        deadline = time.monotonic() + timeout * (1 - DEADLINE_MARGIN)
        with (
            services.memory_budget.claim(deadline) as memory,
            RequestBody(
                exchange.receive,
                self._max_body_bytes(services),
                memory,
                services.settings.data_dir,
                services.body_turns,
            ) as body,
        ):
            scope["state"]["body"] = body
            try:
                async with asyncio.timeout(timeout) as exchange.timer:
                    await self._authenticate_and_handle(services, scope, deadline, body, exchange)
                    await exchange.finish()
            except TimeoutError:
                if exchange.has_started:
                    return  # a client that stopped reading; the server closes the connection
                late = errors.DeadlineExceeded if body.is_complete else errors.RequestBodyTimeout
                raise late(headers=exchange.limit_headers) from None

    async def _authenticate_and_handle(
        self, services: Services, scope: Scope, deadline: float, body: RequestBody, exchange: Exchange
    ) -> None:
        record = record_of(scope)
        headers = Headers(scope=scope)
        with record.phase("authenticate"):
            principal = await self._authenticate(services, scope, headers)
        if principal is None:
            if scope["method"] not in BODYLESS_METHODS:
                await services.address_limiter.acquire(client_address(scope))
            self._check_body_headers(scope, headers, body)
            await self.app(scope, body.receive, exchange.send)
            return
        record.user_id = principal.user_id
        running = RunningCall(principal, ends_with_token=self.access.ends_with_token)
        call = Call(services, principal, record, deadline, body.memory, running, exchange)
        scope["state"]["call"] = call
        scope["state"][GIVE_BACK] = call.give_back_admission
        try:
            with services.running_calls.registered(running):
                if self.access.takes_keys and scope["method"] == "POST" and KEY_HEADER in headers:
                    self._check_body_headers(scope, headers, body)
                    await self._handle_once(scope, call, body)
                else:
                    if self.access.generates:
                        await call.admit()
                    self._check_body_headers(scope, headers, body)
                    await self.app(scope, body.receive, exchange.send)
        except errors.GatewayError as error:
            if exchange.has_started:  # the call was ended and its client does not read; the server closes
                record.error_code = error.code
                return
            if error.status_code == SERVICE_UNAVAILABLE:
                await call.give_back_admission()
            error.headers.update(exchange.limit_headers)
            raise
        finally:
            await call.aclose()

    async def _handle_once(self, scope: Scope, call: Call, body: RequestBody) -> None:
        request, kept_body = await read_keyed_request(scope, call, body)

        async def admit() -> None:
            if self.access.generates:
                await call.admit()

        async def run() -> None:
            await self.app(scope, kept_body.receive, call.exchange.send)

        await respond_once(scope, call, request, admit, run)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = call_of(scope)
        try:
            with call.running:
                response = await self.endpoint(StrictRequest(scope, receive))
            await response(scope, receive, send)
        except Exception as error:
            await _refuse(error, call.exchange, scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle_strict_json(request: Request) -> Response:
            strict_request = StrictRequest(request.scope, request.receive)
            call: Call | None = request.scope["state"].get("call")
            if call is None:
                return await handler(strict_request)
            with call.running:
                return await handler(strict_request)

        return handle_strict_json

    def _allowed_methods(self, app: FastAPI) -> str:
        here = [route for route in app.routes if getattr(route, "path", None) == self.path]
        return ", ".join(sorted(method for route in here for method in getattr(route, "methods", None) or ()))

    def _max_body_bytes(self, services: Services) -> int:
        if self.access.scope is None:
            return MAX_PUBLIC_BYTES
        media = services.settings.media
        return media.max_media_bytes if self.access.takes_media else media.max_json_bytes

    async def _authenticate(self, services: Services, scope: Scope, headers: Headers) -> Principal | None:
        if self.access.scope is None:
            return None
        token = self._access_token(scope, headers)
        principal = services.access_tokens.verify_cached(token)
        if principal is None:
            principal = await verify_token(
                services.access_tokens, services.address_limiter, token, client_address(scope)
            )
        if self.access.scope != "any" and not principal.has_scope(self.access.scope):
            raise errors.InsufficientScope(
                Sentence(
                    "The access token does not have the scope that this route needs: {scope}.",
                    scope=self.access.scope,
                )
            )
        return principal

    def _access_token(self, scope: Scope, headers: Headers) -> str:
        """Raises `AuthenticationError`."""
        return bearer_token(headers)

    def _check_body_headers(self, scope: Scope, headers: Headers, body: RequestBody) -> None:
        if scope["method"] in BODYLESS_METHODS:
            return  # the body is not read; the connection is closed after the response
        length = headers.get("content-length")
        if length is not None and length.isdecimal() and int(length) > body.max_bytes:
            raise errors.BodyTooLarge()
        has_body = length not in (None, "0") or "transfer-encoding" in headers
        if not has_body:
            return
        if is_compressed(headers):
            raise errors.UnsupportedContentEncoding()
        if media_type_of(headers) not in self.access.accepts:
            accepted = " or ".join(self.access.accepts)
            raise errors.UnsupportedContentType(
                Sentence("Send the body with Content-Type: {types}.", types=accepted)
            )


async def _refuse(error: Exception, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    """Raises the error if it has no response, or if another one has begun."""
    refusal = None if exchange.has_started else await response_to(error, scope)
    if refusal is None:
        raise error
    await refusal(scope, receive, send)
