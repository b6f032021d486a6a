"""The commands put together, and the one place where an error becomes a sentence and an exit code."""

from importlib.metadata import version
from typing import Annotated

import typer

from app.cli.command_failed import exit_with_sentence
from app.cli.db import commands as db_commands
from app.cli.docs import commands as docs_commands
from app.cli.doctor import doctor
from app.cli.keys import commands as keys_commands
from app.cli.ops import commands as ops_commands
from app.cli.serve import serve
from app.cli.tls import commands as tls_commands
from app.cli.token import commands as token_commands
from app.cli.user import commands as user_commands
from app.library_variables import ignore_library_variables

application = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # usage errors are plain lines, without a box
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"gateway {version('autoglm-gateway')}")
        raise typer.Exit


@application.callback()
def gateway(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Your own multimodal model, behind one authenticated API. Settings: GATEWAY_… and .env"""


application.command()(serve)
application.add_typer(user_commands, name="user", help="Accounts.")
application.add_typer(token_commands, name="token", help="Access tokens.")
application.add_typer(ops_commands, name="ops", help="The page at /ops.")
application.add_typer(keys_commands, name="keys", help="The keys that sign access tokens.")
application.add_typer(tls_commands, name="tls", help="Certificates and their pins.")
application.add_typer(db_commands, name="db", help="The database's tables.")
application.add_typer(docs_commands, name="docs", help="The references in docs/, made from the code.")
application.command()(doctor)


def main(arguments: list[str] | None = None) -> None:
    """Exits with 0, with 1 when the command failed, with 2 when it was called wrongly."""
    ignore_library_variables()
    with exit_with_sentence():
        application(args=arguments)
