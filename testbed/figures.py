"""The table that a benchmark prints before its JSON line."""

from collections.abc import Mapping, Sequence

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


def print_rows(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """All rows have the same names."""
    table = Table(*(name.replace("_", " ") for name in rows[0]), title=title)
    for row in rows:
        table.add_row(
            *(f"{value:,}" if isinstance(value, int | float) else str(value) for value in row.values())
        )
    Console(width=140).print(table)
