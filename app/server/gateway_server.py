"""uvicorn as the gateway runs it: its settings, and a stop that cuts no request off."""

import asyncio
import contextlib
import math
import select
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from app.errors import ShuttingDown
from app.http.running_calls import RunningCalls
from app.server.http_protocol import BoundedHTTPProtocol
from app.server.uvicorn_adapter import connections_of, listeners_of
from app.settings import Settings

KEEP_ALIVE_SECONDS: Final = 75  # longer than a proxy keeps idle connections to us, or it responds with 502
BACKLOG: Final = 2048
ARRIVAL_SECONDS: Final = 1.0  # for requests on connections that were made before the stop
POLL_SECONDS: Final = 0.01
LAST_EVENTS_SECONDS: Final = 2.0  # for the error events of calls that outlast the drain


def server_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHTTPProtocol,
        ws="none",
        lifespan="off",  # entered by `run_server`, which so gets the exception of a failed start
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds + LAST_EVENTS_SECONDS),
        backlog=BACKLOG,
    )


class GatewayServer(uvicorn.Server):
    """Calls `on_started` once it accepts connections.

    When it is stopped it serves every client that has connected, and ends calls that outlast the drain with
    an error. uvicorn itself would cut both off. Set `running_calls` before it serves.
    """

    running_calls: RunningCalls

    def __init__(self, config: uvicorn.Config, drain_seconds: float, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_calls = partial(self.running_calls.end_all, ShuttingDown)
        timer = asyncio.get_running_loop().call_later(self._drain_seconds, end_calls)
        try:
            await self._stop_listening(sockets or [])
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Accepts the connections that are already made, and waits for their requests."""
        loop = asyncio.get_running_loop()
        end = loop.time() + ARRIVAL_SECONDS
        while any(map(_has_connection_to_accept, sockets)) and loop.time() < end:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)  # the event loop accepts one connection a turn
        await asyncio.sleep(0)  # the last one gets its protocol
        for listener in listeners_of(self):
            listener.close()
        for listening in sockets:
            listening.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                while any(map(_awaits_request, connections_of(self))):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(POLL_SECONDS)


def _has_connection_to_accept(listening: socket.socket) -> bool:
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    return bool(poll.poll(0))


def _awaits_request(connection: object) -> bool:
    return isinstance(connection, BoundedHTTPProtocol) and connection.awaits_request
