"""Records usage until it is killed. Prints once how many records the first group on disk has."""

import asyncio
import itertools
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
        if writer.written and not has_said:
            print(writer.written, flush=True)
            has_said = True


asyncio.run(main(*sys.argv[1:]))
