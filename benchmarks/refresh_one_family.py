"""1,000 concurrent refreshes of one sign-in: `python -m benchmarks.refresh_one_family` (1 min).

All send the same refresh token at once: to one gateway on SQLite, then to two on PostgreSQL and Redis.
Each must get the same successor, which must work afterwards. A 503 is sent again after its `Retry-After`.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.faults.gateway import GatewayProcess
from benchmarks.gateway_pairs import connected, measure_each_kind
from testbed.hardware import hardware_and_versions

REFRESHES: Final = 1_000
SETTINGS: Final = {"GATEWAY_AUTH__REFRESH_RETRY_GRACE": "PT5M"}  # the machine may be slow
BUSY: Final = 503


async def measure(name: str, gateways: Sequence[GatewayProcess]) -> dict[str, Any]:
    await asyncio.gather(*(gateway.start() for gateway in gateways))
    token = await gateways[0].run(
        "token", "issue", "--user", "benchmark", "--scope", "chat", "--refresh", "--json"
    )
    refresh_token = json.loads(token)["refresh_token"]
    statuses: Counter[int] = Counter()
    successors: Counter[str] = Counter()

    async def refresh(client: httpx.AsyncClient) -> None:
        while True:
            response = await client.post(
                "/auth/token", json={"grant_type": "refresh_token", "refresh_token": refresh_token}
            )
            statuses[response.status_code] += 1
            if response.status_code != BUSY:
                break
            await asyncio.sleep(float(response.headers["retry-after"]))
        successors[response.json().get("refresh_token", response.json().get("code"))] += 1

    async with connected(gateways, REFRESHES) as clients:
        began = time.perf_counter()
        await asyncio.gather(*(refresh(clients[number % len(clients)]) for number in range(REFRESHES)))
        seconds = time.perf_counter() - began
        (successor,) = set(successors) if len(successors) == 1 else ("",)
        after = await clients[-1].post(
            "/auth/token", json={"grant_type": "refresh_token", "refresh_token": successor}
        )
    return {
        "gateways": name,
        "refreshes": REFRESHES,
        "responses": dict(statuses),
        "different_successors": len(successors),
        "successor_works": after.status_code == httpx.codes.OK,
        "seconds": round(seconds, 2),
    }


def main() -> None:
    rows = asyncio.run(measure_each_kind(SETTINGS, measure))
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=140).print(table)
    versions = hardware_and_versions("sqlalchemy", "asyncpg", "aiosqlite")
    print(json.dumps({"benchmark": "refresh_one_family", "rows": rows, **versions}))


if __name__ == "__main__":
    main()
