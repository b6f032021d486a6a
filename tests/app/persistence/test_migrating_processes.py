"""Several processes that migrate one PostgreSQL database at once, as gateways that start together do."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from app.persistence.database import Database
from app.persistence.migrations import ADVISORY_LOCK_KEY, is_up_to_date

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PROCESSES = 4
PAUSE_SECONDS = 0.1  # between two counts of the waiting processes
SECONDS = 60
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def upgrade(url: str, directory: Path) -> tuple[int, str]:
    """Run `gateway db upgrade` in a process. Returns its exit code and standard error."""
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("gateway"), "db", "upgrade"),
        env=os.environ | {"GATEWAY_DATABASE_URL": url, "GATEWAY_DATA_DIR": str(directory)},
        cwd=directory,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    return process.returncode or 0, err.decode()


async def test_concurrent_processes_migrate_once(postgres_url: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    await connection.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK_KEY)
    upgrades = {asyncio.create_task(upgrade(postgres_url, tmp_path)) for _ in range(PROCESSES)}
    async with asyncio.timeout(SECONDS):
        while await connection.fetchval(WAITING) < PROCESSES:
            ended, _ = await asyncio.wait(upgrades, timeout=PAUSE_SECONDS)
            assert not ended, "it did not wait"
        await connection.execute("SELECT pg_advisory_unlock($1)", ADVISORY_LOCK_KEY)
        assert await asyncio.gather(*upgrades) == [(0, "")] * PROCESSES
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    await connection.close()
    database = Database(postgres_url)
    assert await is_up_to_date(database)
    await database.aclose()
