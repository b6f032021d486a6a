"""The process of `gateway serve`: opens the gateway, prints where it is reached, and serves until stopped.

With several processes it starts them and stays their supervisor.
"""

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

import typer
import uvloop

from app.admin.ops_sessions import is_first_visit
from app.auth.sign_in_link import SignInLink
from app.auth.signing_keys import InvalidSigningKeys
from app.auth.token_issuer import NewTokens
from app.cli.banner import demo_lines, reachable_urls, start_lines
from app.cli.command_failed import CALLED_WRONGLY, CommandFailed
from app.cli.environment import describe_database
from app.cli.preflight import check_data_directory, explain_os_error, listen
from app.cli.token_work import issue_token
from app.errors import DatabaseUnavailable
from app.lifespan import OutdatedDatabase
from app.main import create_app
from app.media.sandbox.sandbox import SandboxUnavailable
from app.ops.logging import configure_logging
from app.persistence.database import Database
from app.server.gateway_server import GatewayServer, server_config
from app.server.process_link import MessageStream, ProcessLink
from app.server.process_share import share_of_process
from app.server.stop_signals import start_stopped_by_signals
from app.server.supervisor import STOPS, Supervisor
from app.settings import Settings
from app.telemetry.build import TELEMETRY_PACKAGES
from inference import InferenceError

GARBAGE_THRESHOLD: Final = (
    20_000  # allocations between two collections of generation 0; the default of 700 suits scripts
)
PROCESS_MODULE: Final = "app.cli.served_process"
SIGNALLED: Final = 128  # as shells report a process that a signal ended
DEMO_USER: Final = "demo"
DEMO_SCOPES: Final = ("chat", "vision", "speech")
DEMO_LIFETIME: Final = timedelta(days=1)
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
    """The options of `gateway serve`."""

    settings: Settings
    host: str
    port: int
    is_demo: bool


@dataclass(frozen=True, slots=True)
class StartedProcess:
    """One of several: its number, how often it was started, and descriptors that it inherits."""

    number: int
    starts: int
    listener: int
    link: int

    @property
    def is_first(self) -> bool:
        return self.number == self.starts == 1


def run_server(serving: Serving) -> None:
    """Returns after a graceful stop. Raises `CommandFailed`."""
    if serving.is_demo and serving.settings.env != "development":
        raise CommandFailed("--demo prints a token; it is for GATEWAY_ENV=development.", CALLED_WRONGLY)
    check_data_directory(serving.settings.data_dir)
    with (
        _unbroken_outputs(),
        listen(serving.host, serving.port) as listener,
        _errors_as_sentences(serving),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        if serving.settings.processes == 1:
            runner.run(_serve(serving, listener))
        elif code := runner.run(_supervise(serving, listener)):
            raise typer.Exit(code if code > 0 else SIGNALLED - code)


def run_process(serving: Serving, process: StartedProcess) -> None:
    """As `run_server`, for one of several processes."""
    with (
        _unbroken_outputs(),
        socket.socket(fileno=process.listener) as listener,
        _errors_as_sentences(serving),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve_as_process(serving, listener, process))


async def _supervise(serving: Serving, listener: socket.socket) -> int:
    gc.enable()  # it makes no more
    configure_logging(serving.settings.log_level)
    count = serving.settings.processes
    options = {"host": serving.host, "port": serving.port, "is_demo": serving.is_demo}

    def command(number: int, starts: int, link: int) -> list[str]:
        process = StartedProcess(number, starts, listener.fileno(), link)
        arguments = json.dumps(
            {"program": sys.argv[0], "processes": count, "options": options, "process": asdict(process)}
        )
        # -P: whatever is called `app` in the current directory is not this package.
        return [sys.executable, "-P", "-m", PROCESS_MODULE, arguments]

    supervisor = Supervisor(count, command, listener)
    loop = asyncio.get_running_loop()
    for number in STOPS:
        loop.add_signal_handler(number, supervisor.stop, number)
    return await supervisor.run()


async def _serve_as_process(serving: Serving, listener: socket.socket, process: StartedProcess) -> None:
    configure_logging(serving.settings.log_level, process.number)
    link = ProcessLink(await MessageStream.open(socket.socket(fileno=process.link)))
    link.start(on_supervisor_ended=lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        await _serve(serving, listener, process, link)
    finally:
        await link.aclose()


async def _serve(
    serving: Serving,
    listener: socket.socket,
    process: StartedProcess | None = None,
    link: ProcessLink | None = None,
) -> None:
    settings = share_of_process(serving.settings)
    app = create_app(settings)
    app.state.gateway_name = f"{socket.gethostname()}:{listener.getsockname()[1]}"
    if process is not None:
        app.state.gateway_name += f"/{process.number}"
    is_announced = process is None or process.is_first
    printed: list[str] = []

    def announce() -> None:
        if is_announced:
            _print_line("\n".join(printed))
        if link is not None:
            link.report_serving()

    server = GatewayServer(server_config(app, settings), settings.drain_seconds, on_started=announce)
    with start_stopped_by_signals(server), contextlib.suppress(asyncio.CancelledError):
        if is_announced:
            _print_line(f"Starting with {_describe_model(settings)} ...")
        async with app.router.lifespan_context(app):
            services = app.state.services
            server.running_calls = services.running_calls
            if link is not None:
                link.expose = services.metrics.dump
                services.metrics.join(link.collect)
            if is_announced:
                printed += await _lines_after_start(serving, listener, services.database)
            spare_long_lived_objects()
            await server.serve(sockets=[listener])


def spare_long_lived_objects() -> None:
    """Excludes objects made at the start from garbage collection, which cost a seventh of each request, and
    enables it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.enable()


async def _lines_after_start(serving: Serving, listener: socket.socket, database: Database) -> list[str]:
    settings, lines = serving.settings, []
    urls = reachable_urls(serving.host, listener.getsockname()[1])
    if serving.is_demo:
        demo = NewTokens(DEMO_SCOPES, DEMO_LIFETIME, note="gateway serve --demo")
        lines += demo_lines(urls[0], (await issue_token(settings, DEMO_USER, demo)).access_token)
    sign_in_link = None
    # Logs keep what is printed, and their readers need not be allowed to sign in.
    if sys.stdout.isatty() and await is_first_visit(database):
        with contextlib.suppress(OSError):  # a full disk; the gateway serves anyway
            sign_in_link = SignInLink(settings.data_dir).create(settings.public_url or urls[0])
    lines += start_lines(settings, urls, describe_database(settings), sign_in_link)
    return lines


@contextlib.contextmanager
def _errors_as_sentences(serving: Serving) -> Iterator[None]:
    try:
        yield
    except (InvalidSigningKeys, OutdatedDatabase, SandboxUnavailable, InferenceError) as error:
        raise CommandFailed(str(error)) from None
    except DatabaseUnavailable:
        where = describe_database(serving.settings)
        raise CommandFailed(f"The database {where} cannot be used; `gateway doctor` has details.") from None
    except OSError as error:
        raise CommandFailed(explain_os_error(error, serving.host, serving.port)) from None
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith(TELEMETRY_PACKAGES):
            raise CommandFailed(
                f"{error.name} is not installed; install autoglm-gateway[otel], or unset "
                "GATEWAY_TELEMETRY__ENDPOINT."
            ) from None
        if error.name not in INFERENCE_PACKAGES:
            raise
        raise CommandFailed(
            f"{error.name} is not installed; install autoglm-gateway[inference] to run a model here."
        ) from None


def _print_line(line: str) -> None:
    """Ignores a full disk, or a pipe whose reader has ended: the gateway serves anyway."""
    with contextlib.suppress(OSError):
        typer.echo(line)


@contextlib.contextmanager
def _unbroken_outputs() -> Iterator[None]:
    """Discards what broken outputs still hold at the end: flushing it would fail the process."""
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
    if settings.backend[0] == "scripted":
        return "scripted replies (GATEWAY_BACKEND=scripted)"
    if settings.backend[0] == "remote":
        return "the model of GATEWAY_REMOTE__ENDPOINTS"
    return f"the model {settings.model}" if settings.model else "the embedded model"
