"""The table that a benchmark prints before its JSON line."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table


def print_figures(title: str, figures: Mapping[str, object]) -> None:
    """One figure a row; its name's underscores become blanks."""
    table = Table(title=title)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int | float) else str(value))
    Console().print(table)
