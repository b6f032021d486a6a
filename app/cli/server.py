"""The process of `gateway serve`: opens the gateway, prints where it is reached, and serves until stopped."""

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import typer
import uvloop

from app.admin.ops_sessions import is_first_visit
from app.auth.sign_in_link import SignInLink
from app.auth.signing_keys import InvalidSigningKeys
from app.cli.banner import demo_lines, reachable_urls, start_lines
from app.cli.command_failed import CALLED_WRONGLY, CommandFailed
from app.cli.environment import describe_database
from app.cli.preflight import check_data_directory, explain_os_error, listen
from app.cli.token_work import NewToken, issue_token
from app.errors import DatabaseUnavailable
from app.lifespan import OutdatedDatabase
from app.main import create_app
from app.media.sandbox.sandbox import SandboxUnavailable
from app.persistence.database import Database
from app.server.gateway_server import GatewayServer, server_config
from app.server.stop_signals import start_stopped_by_signals
from app.settings import Settings
from inference import InferenceError

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
    start_words: list[str] = []
    server = GatewayServer(
        server_config(app, serving.settings),
        serving.settings.drain_seconds,
        on_started=lambda: _say("\n".join(start_words)),
    )
    with start_stopped_by_signals(server), contextlib.suppress(asyncio.CancelledError):
        _say(f"Starting with {_describe_model(serving.settings)} ...")
        async with app.router.lifespan_context(app):
            server.running_calls = app.state.services.running_calls
            start_words += await _start_words(serving, listener, app.state.services.database)
            _spare_long_lived_objects()
            await server.serve(sockets=[listener])


def _spare_long_lived_objects() -> None:
    """What was made at the start stays: searching it for garbage again cost a seventh of each request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


async def _start_words(serving: Serving, listener: socket.socket, database: Database) -> list[str]:
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
    return lines


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
