"""How long `/auth/token` waits under a flood of refreshes: `python -m benchmarks.refresh_flood` (30 s).

Many sign-ins refresh again and again on one SQLite file, beside the usage that a busy gateway writes, and
an operator revokes a token every quarter of a second. Without HTTP, so that the database alone is seen.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.admin.accounts import create_user
from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.refresh_tokens import RefreshTokens
from app.auth.signing_keys import load_signing_keys
from app.auth.token_issuer import NewTokens, TokenIssuer
from app.auth.token_revocation import revoke_token
from app.errors import GatewayError
from app.persistence.database import Database
from app.persistence.migrations import upgrade_database
from app.persistence.usage_writer import UsageRecord, UsageWriter
from app.settings import Settings
from testbed.hardware import hardware_and_versions

CLIENTS = (1, 16, 64, 256)
SECONDS = 6.0
USAGE_A_SECOND = 200
TICK_SECONDS = 0.01


class Flood:
    def __init__(self, settings: Settings, database: Database) -> None:
        keys = load_signing_keys(settings)
        self.database = database
        self.changes = AccountChanges(database, keys)
        self.issuer = TokenIssuer(AccessTokens(keys, self.changes, settings.auth), settings.auth)
        self.refresh_tokens = RefreshTokens(self.issuer, self.changes, settings.auth)
        self.usage = UsageWriter(database, settings.data_dir / "usage-spool.jsonl")
        self.waits: list[float] = []
        self.in_time = 0  # of them, before the flood was over
        self.revocation_waits: list[float] = []
        self.refused: Counter[str] = Counter()
        self.refused_revocations = 0
        self.longest_gap = 0.0

    async def run(self, clients: int) -> None:
        await self.changes.start()
        await self.usage.start()
        tokens = [await self._sign_in(number) for number in range(clients)]
        ends_at = time.perf_counter() + SECONDS
        async with asyncio.TaskGroup() as tasks:
            for work in (self._record, self._revoke, self._tick):
                tasks.create_task(work(ends_at))
            for token in tokens:
                tasks.create_task(self._refresh(token, ends_at))
        await self.changes.aclose()
        await self.usage.aclose()

    async def _sign_in(self, number: int) -> str:
        async with self.database.session() as db_session:
            user = await create_user(db_session, "benchmark", f"user{number}")
            issued = await self.issuer.issue(db_session, user, NewTokens(["chat"], with_refresh=True))
        assert issued.refresh_token is not None
        return issued.refresh_token

    async def _refresh(self, token: str, ends_at: float) -> None:
        while (began := time.perf_counter()) < ends_at:
            try:
                token = (await self.refresh_tokens.refresh(token)).refresh_token or ""
            except GatewayError as error:
                self.refused[error.code] += 1
                await asyncio.sleep(error.retry_after_seconds or 1)
            else:
                ended = time.perf_counter()
                self.waits.append(ended - began)
                self.in_time += ended < ends_at

    async def _revoke(self, ends_at: float) -> None:
        while (began := time.perf_counter()) < ends_at:
            try:
                async with self.database.session() as db_session:
                    name = f"revoked{len(self.revocation_waits)}"
                    user = await create_user(db_session, "benchmark", name)
                    token_id = (await self.issuer.issue(db_session, user, NewTokens(["chat"]))).token_id
                    await revoke_token(db_session, token_id)
            except GatewayError:
                self.refused_revocations += 1
            self.revocation_waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.25)

    async def _record(self, ends_at: float) -> None:
        while time.perf_counter() < ends_at:
            now = datetime.now(UTC)
            for _ in range(USAGE_A_SECOND // 10):
                self.usage.record(UsageRecord("req", now, "usr", "/chat", "m", 9, 9, 0, 1, 9, "ok"))
            await asyncio.sleep(0.1)

    async def _tick(self, ends_at: float) -> None:
        while (began := time.perf_counter()) < ends_at:
            await asyncio.sleep(TICK_SECONDS)
            self.longest_gap = max(self.longest_gap, time.perf_counter() - began - TICK_SECONDS)


async def measure(clients: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(data_dir=Path(directory), env="development")
        await upgrade_database(settings.effective_database_url)
        database = Database(settings.effective_database_url)
        flood = Flood(settings, database)
        await flood.run(clients)
        await database.aclose()
    waits = sorted(flood.waits)
    return {
        "clients": clients,
        "refreshes_a_second": round(flood.in_time / SECONDS, 1),
        "p50_ms": round(statistics.median(waits) * 1e3, 1),
        "p95_ms": round(waits[int(len(waits) * 0.95)] * 1e3, 1),
        "longest_ms": round(waits[-1] * 1e3, 1),
        "refused": flood.refused.total(),
        "longest_revocation_ms": round(max(flood.revocation_waits) * 1e3, 1),
        "refused_revocations": flood.refused_revocations,
        "longest_gap_of_the_loop_ms": round(flood.longest_gap * 1e3, 1),
    }


def main() -> None:
    rows = [asyncio.run(measure(clients)) for clients in CLIENTS]
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=160).print(table)
    print(json.dumps({"benchmark": "refresh_flood", "rows": rows, **hardware_and_versions("sqlalchemy")}))


if __name__ == "__main__":
    main()
