"""Tables in Markdown."""

import html
from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(
        f"| {' | '.join(map(_escaped, line))} |\n" for line in (columns, ["---"] * len(columns), *rows)
    )


def _escaped(cell: str) -> str:
    """Code spans excepted, which show what is in them as it is; none of ours has a bar."""
    return "`".join(
        part if index % 2 else html.escape(part, quote=False).replace("|", "\\|")
        for index, part in enumerate(cell.split("`"))
    )
