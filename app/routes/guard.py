"""What stands in front of a route: token, scope, limits, sizes and the clock, before the body is read.

FastAPI reads the body before it resolves dependencies, so a dependency would let a stranger upload
first. A route class sees the request earlier and, unlike a dependency, the end of the answer too.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from app import errors
from app.auth.principal import Principal
from app.auth.principal import Scope as TokenScope
from app.call import Call
from app.limits.policy import policy_for
from app.routes.request_body import RequestBody
from app.routes.strict_json import read_json_body
from app.running_calls import RunningCall
from app.services import Services

DEADLINE_MARGIN: Final = 0.04  # of the request time-out: the engine stops that much earlier
GRACE_SECONDS: Final = 2.0  # for the last bytes of an answer that has begun, past the time-out
JSON: Final = ("application/json",)
BODYLESS_METHODS: Final = frozenset({"GET", "DELETE"})
MAX_PUBLIC_BYTES: Final = 16 * 1024  # of a body from anybody: tokens, of which the longest has 8 kB


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks for. `generates`: the user's limits apply and `Call.begin` may be used."""

    scope: TokenScope | Literal["any"] | None
    generates: bool
    accepts: tuple[str, ...]
    takes_media: bool


def guarded(
    scope: TokenScope | Literal["any"] | None,
    *,
    generates: bool = False,
    accepts: tuple[str, ...] = JSON,
    takes_media: bool = False,
) -> type[APIRoute]:
    """A `route_class` for `APIRouter`. `"any"` takes every valid token, None lets anybody in."""
    required = Access(scope, generates, accepts, takes_media)

    class Guarded(GuardedRoute):
        access = required

    return Guarded


class GuardedRoute(APIRoute):
    access: ClassVar[Access]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            raise errors.MethodNotAllowed(headers={"Allow": self._allowed_methods(scope["app"])})
        services: Services = scope["app"].state.services
        record = scope["state"]["record"]
        record.route = self.path_format
        record.asks_to_generate = self.access.generates
        answer = _Answer(send)
        timeout = services.settings.request_timeout_seconds
        deadline = time.monotonic() + timeout * (1 - DEADLINE_MARGIN)
        with (
            services.memory_budget.claim(deadline) as memory,
            RequestBody(
                receive,
                self._max_body_bytes(services),
                memory,
                services.settings.data_dir,
                services.body_turns,
            ) as body,
        ):
            scope["state"]["body"] = body
            try:
                async with asyncio.timeout(timeout) as answer.timer:
                    await self._authenticate_and_handle(scope, deadline, body, answer)
            except TimeoutError:
                if answer.has_started:
                    return  # a client that stopped reading; the server closes the connection
                late = errors.DeadlineExceeded if body.is_complete else errors.RequestBodyTimeout
                raise late(headers=answer.headers) from None

    async def _authenticate_and_handle(
        self, scope: Scope, deadline: float, body: RequestBody, answer: "_Answer"
    ) -> None:
        services: Services = scope["app"].state.services
        record = scope["state"]["record"]
        headers = Headers(scope=scope)
        with record.phase("authenticate"):
            principal = await self._authenticate(services, scope, headers)
        if principal is None:
            if scope["method"] not in BODYLESS_METHODS:
                await services.address_limiter.acquire(client_address(scope))
            self._check_body_headers(scope, headers, body)
            await super().handle(scope, body.receive, answer.send)
            return
        record.user_id = principal.user_id
        running = RunningCall(principal, is_generation=self.access.generates)
        call = Call(services, principal, record, deadline, body.memory, running)
        scope["state"]["call"] = call
        try:
            with services.running_calls.registered(running):
                if self.access.generates:
                    overrides = services.account_changes.limits_of(principal.user_id)
                    policy = policy_for(services.settings.limits, overrides)
                    with record.phase("check limits"):
                        call.admission = await services.limiter.admit(principal.user_id, policy)
                    answer.headers = call.admission.headers
                self._check_body_headers(scope, headers, body)
                await super().handle(scope, body.receive, answer.send)
        except errors.GatewayError as error:
            if answer.has_started:  # the call was ended, and its client does not read; the server closes
                record.error_code = error.code
                return
            error.headers.update(answer.headers)
            raise
        finally:
            await call.aclose()

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.access.generates:
            # These routes take the request alone; FastAPI's resolving of nothing costs a tenth of their time.
            handler = self.endpoint

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
        principal = services.access_tokens.recall(token)
        if principal is None:
            principal = await verify_token(services, token, client_address(scope))
        if self.access.scope != "any" and not principal.has_scope(self.access.scope):
            raise errors.InsufficientScope(
                f"The access token does not have the scope that this route needs: {self.access.scope}."
            )
        return principal

    def _access_token(self, scope: Scope, headers: Headers) -> str:
        """Raises `AuthenticationError`."""
        return bearer_token(headers)

    def _check_body_headers(self, scope: Scope, headers: Headers, body: RequestBody) -> None:
        if scope["method"] in BODYLESS_METHODS:
            return  # a body that nobody reads; the connection is closed after the answer
        length = headers.get("content-length")
        if length is not None and length.isdecimal() and int(length) > body.max_bytes:
            raise errors.BodyTooLarge()
        has_body = length not in (None, "0") or "transfer-encoding" in headers
        if has_body and media_type_of(headers) not in self.access.accepts:
            accepted = " or ".join(self.access.accepts)
            raise errors.UnsupportedContentType(f"Send the body with Content-Type: {accepted}.")


class StrictRequest(Request):
    """Reads its body within the memory of the process, and JSON strictly."""

    async def body(self) -> bytes:
        """Of routes that take no media, which have small ones. Raises `Overloaded`."""
        if not hasattr(self, "_body"):
            body = self._request_body
            whole = bytearray()
            with self.scope["state"]["record"].phase("read body"):
                async for chunk in self.stream():
                    if not body.memory.try_to_buffer(len(chunk)):
                        raise errors.Overloaded
                    whole += chunk
            self._body = bytes(whole)
        return self._body

    async def json(self) -> Any:  # Any: what JSON holds
        """`5.0` is the integer 5: JSON has one kind of number, and some encoders write it so."""
        with self.scope["state"]["record"].phase("read body"):
            async with aclosing(self.stream()) as chunks:
                parsed = await read_json_body(chunks, self._request_body)
        if not isinstance(parsed, dict):
            return parsed
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in parsed.items()
        }

    @property
    def _request_body(self) -> RequestBody:
        body: RequestBody = self.scope["state"]["body"]
        return body


_EVENT_STREAM: Final = (b"content-type", b"text/event-stream")


class _Answer:
    """Adds the limits' headers to the answer, and knows whether it has started."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.timer: asyncio.Timeout | None = None
        self.has_started = False
        self.headers: dict[str, str] = {}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            if _EVENT_STREAM in message["headers"]:
                self._prolong()
            limits = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
            present = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name, value) for name, value in limits if name not in present),
            ]
        await self._send(message)

    def _prolong(self) -> None:
        if self.timer is not None and (ends_at := self.timer.when()) is not None:
            self.timer.reschedule(ends_at + GRACE_SECONDS)


async def verify_token(services: Services, token: str, address: str) -> Principal:
    """Whoever has a valid token gets in, however often others failed behind the same address."""
    try:
        return services.access_tokens.verify(token)
    except errors.TokenExpired:
        raise  # phones behind one carrier's address wake up with expired tokens
    except errors.AuthenticationError:
        await services.address_limiter.check(address)
        await services.address_limiter.note_failure(address)
        raise


def bearer_token(headers: Headers) -> str:
    """The one token in the one Authorization header. Raises `AuthenticationError`."""
    values = headers.getlist("authorization")
    if len(values) != 1:
        raise errors.AuthenticationError()
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise errors.AuthenticationError()
    return token


def client_address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "unknown"


def media_type_of(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
