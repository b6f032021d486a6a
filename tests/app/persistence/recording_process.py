"""Records usage until it is killed. Prints once how many records are on disk, in the database or the file."""

import asyncio
import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from app.persistence.database import Database
from app.persistence.usage_writer import UsageRecord, UsageWriter


async def main(url: str, spool_path: str) -> None:
    writer = UsageWriter(Database(url), Path(spool_path))
    await writer.start()
    has_said = False
    for number in itertools.count():
        now = datetime.now(UTC)
        writer.record(UsageRecord(f"req_{number}", now, "usr_a", "/chat", "m", 1, 2, 0, None, 5, "ok"))
        await asyncio.sleep(0.001)
        if writer.written and not has_said and (last := last_in(Path(spool_path))) is not None:
            print(last + 1, flush=True)
            has_said = True


def last_in(spool: Path) -> int | None:
    """The number of the last record in the file; all before it are there too, or in the database."""
    *lines, _ = spool.read_bytes().split(b"\n")
    return int(json.loads(lines[-1])["request_id"].removeprefix("req_")) if lines else None


asyncio.run(main(*sys.argv[1:]))
