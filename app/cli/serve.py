"""`gateway serve`: checks what it can before anything heavy starts, then runs until it is stopped."""

import gc
from typing import Annotated

import typer

DEFAULT_PORT = 8000
MAX_PROCESSES = 16  # as in the settings, whose import takes longer than a usage error should


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free one.")] = DEFAULT_PORT,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_PROCESSES, help="How many share the port, for remote engines.", show_default=False
        ),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Also print requests to try, with a token in them.")
    ] = False,
) -> None:
    """Run the gateway. SIGTERM and Ctrl-C let running requests finish."""
    gc.disable()  # until the gateway is ready: half a million objects are made, and hardly any is garbage
    from app.cli.environment import load_settings
    from app.cli.server import Serving, run_server

    run_server(Serving(load_settings(processes=processes), host, port, demo))
