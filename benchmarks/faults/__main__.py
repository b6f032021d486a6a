"""The command line; the package's docstring describes it."""

import argparse
import asyncio
import sys
from pathlib import Path

from benchmarks.faults import clients, clocks, disks, lifecycle, media, several, stores, workers
from benchmarks.faults.measurement import FULL, SHORT, Row, measure_family
from benchmarks.faults.report import print_rows, read_rows, save_row, write_document
from testbed.servers import MissingServer

FAMILIES = (
    *(media.FAMILY, clients.FAMILY, stores.FAMILY, disks.FAMILY),
    *(lifecycle.PATIENT, lifecycle.IMPATIENT, clocks.FAMILY, workers.FAMILY),
    several.FAMILY,
)


async def measure(families: list[str], *, is_short: bool, only: str, path: Path | None) -> list[Row]:
    """Families whose rows are in `path` already are not measured again."""
    rows = read_rows(path)
    known = {row.family for row in rows}
    for family in FAMILIES:
        if (families and family.name not in families) or family.title in known:
            continue
        found = []
        try:
            async for row in measure_family(
                family, SHORT if is_short else FULL, is_short=is_short, only=only
            ):
                print(row, file=sys.stderr, flush=True)
                found.append(row)
        except MissingServer as error:
            print(f"left out: {family.title}: {error}", file=sys.stderr)
        rows += found
        for row in found:
            save_row(path, row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Injects faults into a gateway under load.")
    parser.add_argument("--short", action="store_true", help="the subset that `make test` runs")
    parser.add_argument("--write", action="store_true", help="make docs/reliability.md")
    parser.add_argument("--family", action="append", default=[], choices=[one.name for one in FAMILIES])
    parser.add_argument("--only", default="", help="faults that have this in their names")
    parser.add_argument("--rows", type=Path, help="a file that keeps families that were measured")
    arguments = parser.parse_args()
    rows = asyncio.run(
        measure(arguments.family, is_short=arguments.short, only=arguments.only, path=arguments.rows)
    )
    print_rows(rows)
    if arguments.write:
        write_document(rows)


if __name__ == "__main__":
    main()
