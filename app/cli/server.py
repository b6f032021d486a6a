"""The process behind `gateway serve`: its application, its signals and its words at the start."""

import asyncio
import contextlib
import gc
import math
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import typer
import uvicorn
import uvloop

from app.admin.ops_sessions import is_first_visit
from app.auth.sign_in_link import SignInLink
from app.auth.signing_keys import InvalidSigningKeys
from app.cli.banner import demo_lines, reachable_urls, start_lines
from app.cli.command_failed import CALLED_WRONGLY, CommandFailed
from app.cli.environment import describe_database
from app.cli.preflight import check_data_directory, explain_os_error, listen
from app.cli.token_work import NewToken, issue_token
from app.errors import DatabaseUnavailable, ShuttingDown
from app.http.running_calls import RunningCalls
from app.lifespan import OutdatedDatabase
from app.main import create_app
from app.media.sandbox.sandbox import SandboxUnavailable
from app.persistence.database import Database
from app.server.http_protocol import BoundedHTTPProtocol
from app.settings import Settings
from inference import InferenceError

KEEP_ALIVE_SECONDS: Final = 75  # longer than a proxy keeps idle connections to us, or it answers 502
BACKLOG: Final = 2048
ARRIVAL_SECONDS: Final = 1.0  # for requests of clients that had connected before the gateway was stopped
POLL_SECONDS: Final = 0.01
LAST_WORDS_SECONDS: Final = 2.0  # for the errors of calls that were not finished when it has drained
GARBAGE_THRESHOLD: Final = 20_000  # allocations between two searches of the young; 700 is for scripts
DEMO_USER: Final = "demo"
DEMO_SCOPES: Final = ("chat", "vision", "speech")
DEMO_LIFETIME_SECONDS: Final = 86_400
TELEMETRY_PACKAGE: Final = "opentelemetry.proto"
INFERENCE_PACKAGES: Final = {
    "torch",
    "torchaudio",
    "transformers",
    "tokenizers",
    "safetensors",
    "bitsandbytes",
}


@dataclass(frozen=True, slots=True)
class Serving:
    """What `gateway serve` was asked for."""

    settings: Settings
    host: str
    port: int
    is_demo: bool


def run_server(serving: Serving) -> None:
    """Returns after a graceful stop. Raises `CommandFailed`."""
    if serving.is_demo and serving.settings.env != "development":
        raise CommandFailed("--demo prints a token; it is for GATEWAY_ENV=development.", CALLED_WRONGLY)
    check_data_directory(serving.settings.data_dir)
    with (
        _unbroken_outputs(),
        listen(serving.host, serving.port) as listener,
        _failures_as_sentences(serving),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(serving, listener))


async def _serve(serving: Serving, listener: socket.socket) -> None:
    app = create_app(serving.settings)
    config = uvicorn.Config(
        app,
        http=BoundedHTTPProtocol,
        ws="none",
        lifespan="off",  # entered below, so that why a start failed arrives here as an exception
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=True,
        forwarded_allow_ips=serving.settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(serving.settings.drain_seconds + LAST_WORDS_SECONDS),
        backlog=BACKLOG,
    )
    server = _Server(config, serving.settings.drain_seconds)
    with start_stopped_by_signals(server), contextlib.suppress(asyncio.CancelledError):
        _say(f"Starting with {_describe_model(serving.settings)} ...")
        async with app.router.lifespan_context(app):
            server.running_calls = app.state.services.running_calls
            server.start_words = await _start_words(serving, listener, app.state.services.database)
            _spare_long_lived_objects()
            await server.serve(sockets=[listener])


def _spare_long_lived_objects() -> None:
    """What was made at the start stays: searching it for garbage again cost a seventh of each request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


class _Server(uvicorn.Server):
    """Prints `start_words` once it can be reached.

    Stopped, it serves whoever has connected, and ends calls that outlast the drain with last words.
    uvicorn itself would cut both off.
    """

    start_words = ""
    running_calls: RunningCalls

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_calls = partial(self.running_calls.end_all, ShuttingDown)
        timer = asyncio.get_running_loop().call_later(self._drain_seconds, end_calls)
        try:
            await self._stop_listening(sockets or [])
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Accepts connections that are already made, and waits for their requests."""
        loop = asyncio.get_running_loop()
        end = loop.time() + ARRIVAL_SECONDS
        while any(map(_has_connection_to_accept, sockets)) and loop.time() < end:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)  # the event loop accepts one connection a turn
        await asyncio.sleep(0)  # the last one gets its protocol
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                while any(map(_awaits_request, self.server_state.connections)):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(POLL_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _say(self.start_words)


def _has_connection_to_accept(listener: socket.socket) -> bool:
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))


def _awaits_request(connection: object) -> bool:
    return isinstance(connection, BoundedHTTPProtocol) and connection.awaits_request


async def _start_words(serving: Serving, listener: socket.socket, database: Database) -> str:
    settings, lines = serving.settings, []
    urls = reachable_urls(serving.host, listener.getsockname()[1])
    if serving.is_demo:
        demo = NewToken(DEMO_USER, DEMO_SCOPES, DEMO_LIFETIME_SECONDS, note="gateway serve --demo")
        lines += demo_lines(urls[0], (await issue_token(settings, demo)).access_token)
    sign_in_link = None
    # A log keeps what is printed, and more people read it than may sign in.
    if sys.stdout.isatty() and await is_first_visit(database):
        with contextlib.suppress(OSError):  # a full disk; it serves all the same
            sign_in_link = SignInLink(settings.data_dir).create(settings.public_url or urls[0])
    lines += start_lines(settings, urls, describe_database(settings), sign_in_link)
    return "\n".join(lines)


@contextlib.contextmanager
def start_stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Cancels a start that takes long. While it serves, uvicorn has its own handlers; when it has
    drained it raises the signal again, which must not end the process before everything is closed.

    A signal that came just before those were installed arrives here once it serves.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop() -> None:
        if server.started:
            server.should_exit = True
        else:
            task.cancel()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _failures_as_sentences(serving: Serving) -> Iterator[None]:
    try:
        yield
    except (InvalidSigningKeys, OutdatedDatabase, SandboxUnavailable, InferenceError) as error:
        raise CommandFailed(str(error)) from None
    except DatabaseUnavailable:
        where = describe_database(serving.settings)
        raise CommandFailed(f"The database {where} cannot be used; `gateway doctor` says why.") from None
    except OSError as error:
        raise CommandFailed(explain_os_error(error, serving.host, serving.port)) from None
    except ModuleNotFoundError as error:
        if error.name == TELEMETRY_PACKAGE:
            raise CommandFailed(
                f"{error.name} is not installed; install autoglm-gateway[otel], or unset "
                "GATEWAY_TELEMETRY__ENDPOINT."
            ) from None
        if error.name not in INFERENCE_PACKAGES:
            raise
        raise CommandFailed(
            f"{error.name} is not installed; install autoglm-gateway[inference] to run a model here."
        ) from None


def _say(words: str) -> None:
    """A full disk, or a pipe that nobody reads, does not keep the gateway from serving."""
    with contextlib.suppress(OSError):
        typer.echo(words)


@contextlib.contextmanager
def _unbroken_outputs() -> Iterator[None]:
    """Throws away what broken outputs still hold at the end: flushing it would fail the process."""
    try:
        yield
    finally:
        for output in (sys.stdout, sys.stderr):
            try:
                output.flush()
            except OSError:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, output.fileno())
                os.close(nowhere)


def _describe_model(settings: Settings) -> str:
    if settings.backend == "scripted":
        return "canned answers (GATEWAY_BACKEND=scripted)"
    return f"the model {settings.model}" if settings.model else "the embedded model"
