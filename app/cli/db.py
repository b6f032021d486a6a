"""`gateway db upgrade`."""

import typer

commands = typer.Typer(no_args_is_help=True)


@commands.callback()
def db() -> None:
    """A group, although it has one command."""


@commands.command()
def upgrade() -> None:
    """Upgrade the database to this version's tables. Safe while a gateway or another upgrade runs."""
    from app.cli.environment import describe_database, run_command
    from app.persistence.migrations import upgrade_database
    from app.settings import Settings

    async def work(settings: Settings) -> str:
        await upgrade_database(settings.effective_database_url)
        return describe_database(settings)

    typer.echo(f"The database {run_command(work)} is up to date.")
