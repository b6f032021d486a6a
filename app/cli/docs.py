"""`gateway docs settings | errors`: the references in `docs/`, made from the code they describe."""

import typer

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def settings() -> None:
    """Print every setting with its type, bounds and default, as Markdown."""
    from app.cli.settings_reference import settings_reference

    typer.echo(settings_reference(), nl=False)


@commands.command()
def errors() -> None:
    """Print every error that the API returns, as Markdown."""
    from app.cli.errors_reference import errors_reference

    typer.echo(errors_reference(), nl=False)
