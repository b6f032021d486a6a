"""Whether every response that a client got is in the usage table, and none of them twice."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.faults.load import Sent

PATIENCE_SECONDS: Final = 10.0  # usage that was put aside is written soon after the database is back
QUERY: Final = "SELECT request_id FROM usage"

Fetch = Callable[[], Awaitable[list[str]]]
"""Every request id of the table."""


def of_sqlite(path: Path, prefix: Sequence[str] = ()) -> Fetch:
    """`prefix` stands before a command that reads it."""
    script = (
        "import sqlite3, sys; print(*(id for (id,) in sqlite3.connect(sys.argv[1]).execute(sys.argv[2])))"
    )
    command = [*prefix, sys.executable, "-c", script, str(path), QUERY]

    async def fetch() -> list[str]:
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        return str(done.stdout).split()

    return fetch


def of_postgres(url: str) -> Fetch:
    async def fetch() -> list[str]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return [record["request_id"] for record in await connection.fetch(QUERY)]
        finally:
            await connection.close()

    return fetch


async def compare_usage(fetch: Fetch, sent: list[Sent]) -> str:
    """Waits until all are there, or for `PATIENCE_SECONDS`."""
    wanted = {one.verdict.request_id for one in sent if one.verdict.outcome == "right"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await fetch()
        missing = len(wanted.difference(found))
        if not missing or time.monotonic() > deadline:
            twice = len(found) - len(set(found))
            return (
                f"of {len(wanted):,} responses {missing} are missing in the usage table, {twice} twice in it"
            )
        await asyncio.sleep(0.2)
