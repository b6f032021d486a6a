"""`gateway ops link`: signs in any user of this machine who may read the data directory."""

from typing import Annotated

import typer

commands = typer.Typer(no_args_is_help=True)


@commands.callback()
def ops() -> None:
    """A group, although it has one command."""


@commands.command()
def link(
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65_535, help="Of this machine, instead of GATEWAY_PUBLIC_URL.", show_default=False
        ),
    ] = None,
) -> None:
    """Print a link that signs in to the page at /ops: once, within 30 minutes. Earlier ones end.

    It leads to GATEWAY_PUBLIC_URL, or else to the default port of this machine.
    """
    from app.auth.sign_in_link import SignInLink
    from app.cli.environment import run_command
    from app.cli.serve import DEFAULT_PORT
    from app.settings import Settings

    async def work(settings: Settings) -> str:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        local_url = f"http://127.0.0.1:{port or DEFAULT_PORT}"
        return SignInLink(settings.data_dir).create(local_url if port else settings.public_url or local_url)

    typer.echo(run_command(work))
