"""What two gateways behind nginx are as one: `python -m benchmarks.several_gateways` (2 minutes).

How soon a token that was revoked at one ends a stream of the other, and what apps that retry with a key get
when one is killed.
"""

import asyncio
import json
import signal
import statistics
import sys
import time
import uuid
from collections import Counter
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.two_gateways import Site, running_site
from testbed.hardware import hardware_and_versions
from testbed.servers import PostgresServer, RedisServer, server_directory

REVOCATIONS: Final = 50
CLIENTS, REQUESTS = 40, 5
MAX_TOKENS: Final = 40
LONG: Final = {"prompt": "hi", "stream": True, "max_tokens": 1_500}
RETRIED: Final = {409, 429, 502, 503}

Figures = dict[str, Any]


async def measure_revocations(site: Site) -> Figures:
    """Milliseconds from the response to the revocation until the stream at the other gateway has ended."""
    admin = {"Authorization": f"Bearer {site.admin}"}
    waits = []
    async with site.client(0) as one, site.client(1) as other:
        for _ in range(REVOCATIONS):
            user_id, header = await site.add_user()
            async with other.stream("POST", "/chat", headers=header, json=LONG) as stream:
                lines = stream.aiter_lines()
                await anext(lines)
                response = await one.post("/admin/revocations", headers=admin, json={"user_id": user_id})
                response.raise_for_status()
                began = time.perf_counter()
                rest = [line async for line in lines]
                waits.append((time.perf_counter() - began) * 1e3)
            assert any('"token_revoked"' in line for line in rest[-5:])
    waits.sort()
    return {
        "revocations": REVOCATIONS,
        "p50_ms": round(statistics.median(waits)),
        "p95_ms": round(waits[int(len(waits) * 0.95)]),
        "longest_ms": round(waits[-1]),
    }


async def measure_kill(site: Site) -> Figures:
    """Clients that repeat each request with its key until they have the whole response."""
    _, header = await site.add_user(requests_per_minute=100_000, concurrent_requests=10_000)
    statuses: Counter[int] = Counter()
    begun = asyncio.Event()
    waits: list[float] = []
    wrong = 0

    async def say(client: httpx.AsyncClient, prompt: str) -> str:
        headers = header | {"Idempotency-Key": str(uuid.uuid4())}
        body = {"prompt": prompt, "max_tokens": MAX_TOKENS}
        while True:
            try:
                response = await client.post("/chat", headers=headers, json=body)
            except httpx.TransportError:
                statuses[0] += 1
                continue
            statuses[response.status_code] += 1
            if response.status_code not in RETRIED:
                response.raise_for_status()
                return str(response.json()["content"])
            await asyncio.sleep(float(response.headers.get("retry-after", 1)))

    async def use(client: httpx.AsyncClient, number: int) -> None:
        nonlocal wrong
        for request in range(REQUESTS):
            prompt = f"prompt{number}x{request}"
            began = time.perf_counter()
            words = ("chat", "user:", prompt, *(f"word{word}" for word in range(MAX_TOKENS)))
            wrong += await say(client, prompt) != " ".join(words[:MAX_TOKENS])
            waits.append(time.perf_counter() - began)
            begun.set()

    async with site.client() as client, asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(use(client, number))
        await begun.wait()
        site.gateways[0].send_signal(signal.SIGKILL)
    await site.gateways[0].wait()
    await site.gateways[0].start()
    return {
        "requests": CLIENTS * REQUESTS,
        "right": len(waits) - wrong,
        "connections_lost": statuses.pop(0, 0),
        "statuses": dict(statuses),
        "longest_seconds": round(max(waits), 1),
    }


async def measure(site: Site) -> dict[str, Figures]:
    works = {
        "revocation at the other gateway": measure_revocations,
        "one gateway killed": measure_kill,
    }
    rows = {}
    for name, work in works.items():
        rows[name] = await work(site)
        print(name, rows[name], file=sys.stderr, flush=True)
    return rows


def main() -> None:
    with server_directory() as redis_directory, server_directory() as postgres_directory:
        redis, postgres = RedisServer(redis_directory), PostgresServer(postgres_directory)
        try:
            redis.start()
            postgres.start()
            with server_directory() as directory:
                directory.chmod(0o711)
                with running_site(directory, redis, postgres) as site:
                    rows = asyncio.run(measure(site))
        finally:
            redis.stop()
            postgres.stop()
    table = Table("what", "figures")
    for name, figures in rows.items():
        table.add_row(name, ", ".join(f"{key} {value}" for key, value in figures.items()))
    Console(width=160).print(table)
    print(
        json.dumps(
            {"benchmark": "several_gateways", "rows": rows, **hardware_and_versions("redis", "asyncpg")}
        )
    )


if __name__ == "__main__":
    main()
