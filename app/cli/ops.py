"""`gateway ops link`: signs in any user of this machine who may read the data directory."""

import typer

commands = typer.Typer(no_args_is_help=True)


@commands.callback()
def ops() -> None:
    """A group, although it has one command."""


@commands.command()
def link() -> None:
    """Print a link that signs in to the page at /ops: once, within 30 minutes. Earlier ones end.

    It leads to GATEWAY_PUBLIC_URL, or to the default port of this machine.
    """
    from app.auth.sign_in_link import SignInLink
    from app.cli.environment import run_command
    from app.cli.serve import DEFAULT_PORT
    from app.settings import Settings

    async def work(settings: Settings) -> str:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SignInLink(settings.data_dir).create(settings.public_url or f"http://127.0.0.1:{DEFAULT_PORT}")

    typer.echo(run_command(work))
