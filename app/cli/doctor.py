"""`gateway doctor`: what is configured, reachable and wrong. Never prints a secret."""

from typing import TYPE_CHECKING, Final

import typer

from app.cli.command_failed import FAILED, CommandFailed

if TYPE_CHECKING:  # it imports everything that is examined
    from app.cli.examination import Finding

STYLES: Final = {"ok": "green", "warning": "yellow", "wrong": "bold red"}
PIPED_WIDTH: Final = 200


def doctor() -> None:
    """Check the settings and all that they name; exits with 1 when something is wrong."""
    from app.cli.environment import run_command
    from app.cli.examination import Finding, examine

    try:
        findings = run_command(examine)
    except CommandFailed as error:
        findings = [Finding("settings", "wrong", str(error))]
    _print(findings)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(FAILED)


def _print(findings: "list[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Gateway", title_justify="left")
    for column in ("part", "state", "what"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        state = Text(finding.state, style=STYLES[finding.state])
        table.add_row(Text(finding.part), state, Text(finding.what))
    console = Console()
    (console if console.is_terminal else Console(width=PIPED_WIDTH)).print(table)
