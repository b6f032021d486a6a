"""The table of `docs/clients.md`: clients and what they can do, as the tests found it."""

from pathlib import Path
from typing import Final

from .running import ABILITIES, Results

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "clients.md"
BEGIN: Final = "<!-- The table is made by `make clients`. -->\n"
HEADINGS: Final = ("client", "text", "stream", "picture", "typed output", "tool round trip", "phone actions")


def write_table(results: Results) -> None:
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition("\n\n")
    DOCUMENT.write_text(f"{before}{BEGIN}{_table(results)}\n\n{after}", "utf-8")


def read_rows() -> list[str]:
    _, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    table, _, _ = rest.partition("\n\n")
    return table.splitlines()[2:]


def rows(results: Results) -> list[str]:
    """Sorted by client. An ability that was not tried is a dash."""
    marks = {"ok": "yes", "": "–"}
    return [
        _row(client, *(marks.get(abilities.get(ability, ""), "no") for ability in ABILITIES))
        for client, abilities in sorted(results.items())
    ]


def _table(results: Results) -> str:
    return "\n".join([_row(*HEADINGS), _row(*["---"] * len(HEADINGS)), *rows(results)])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
