"""Tables on the terminal; piped, they are as wide as their content."""

from collections.abc import Iterable, Sequence
from datetime import datetime

PIPED_WIDTH = 200


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, so that brackets in a note are not taken for markup.
        table.add_row(*(Text(_shown(value)) for value in row))
    console.print(table)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)
