"""1,000 concurrent POSTs of 100 Idempotency-Keys: `python -m benchmarks.idempotent_requests` (2 min).

One gateway on SQLite, then two that share PostgreSQL and Redis, each of which gets half of the requests of
every key; half of the keys are of streams. Then the gateways are restarted, and each key is sent once more.
Counts what was generated and charged, and compares bytes. What gets 409 or 503 is sent again after its
`Retry-After`, and what loses its connection at once.
"""

import asyncio
import json
import re
import signal
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.faults.gateway import GatewayProcess
from benchmarks.gateway_pairs import connected, measure_each_kind
from testbed.hardware import hardware_and_versions

KEYS: Final = 100
ATTEMPTS: Final = 10  # of each key, at once
SENT_AGAIN: Final = frozenset({409, 503})
SETTLED_SECONDS: Final = 1.5  # after which usage that is still missing was not recorded
SETTINGS: Final = {
    "GATEWAY_LIMITS__CONCURRENT_REQUESTS": "2000",
    "GATEWAY_LIMITS__MAX_IN_FLIGHT": "2000",
    "GATEWAY_STREAMS__MAX_USER_BYTES": str(2**27),  # for a thousand readers
    "GATEWAY_SCRIPTED__REPLY": " ".join(f"word{number}" for number in range(20)),
    "GATEWAY_SCRIPTED__STEP_SECONDS": "0.05",
}
GENERATIONS: Final = re.compile(r"^gateway_generations_total\{.*\} ([0-9.]+)$", re.MULTILINE)


@dataclass
class Outcome:
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    replayed: int = 0
    lost_connections: int = 0


class Requests:
    """Of one user. `clients` are of the gateways as they are now."""

    def __init__(self, clients: Sequence[httpx.AsyncClient], headers: dict[str, str]) -> None:
        self.clients = clients
        self._headers = headers
        self.keys = [str(uuid.uuid4()) for _ in range(KEYS)]

    async def send(self, attempts: int) -> Outcome:
        """Each key so many times, all at once."""
        outcome = Outcome()
        await asyncio.gather(
            *(
                self._send(number, attempt, outcome)
                for attempt in range(attempts)
                for number in range(len(self.keys))
            )
        )
        return outcome

    async def generated(self) -> int:
        texts = [(await client.get("/metrics")).text for client in self.clients]
        return int(sum(float(value) for text in texts for value in GENERATIONS.findall(text)))

    async def charged(self) -> int:
        await asyncio.sleep(SETTLED_SECONDS)
        usage = (await self.clients[0].get("/admin/usage", headers=self._headers)).json()["usage"]
        return sum(day["requests"] for day in usage)

    async def _send(self, number: int, attempt: int, outcome: Outcome) -> None:
        key = self.keys[number]
        body = {"prompt": f"question {number}", "stream": number % 2 == 0}
        client = self.clients[(number + attempt) % len(self.clients)]
        while True:
            headers = self._headers | {"Idempotency-Key": key}
            try:
                response = await client.post("/chat", headers=headers, json=body)
            except httpx.TransportError:
                outcome.lost_connections += 1
                continue
            outcome.statuses[response.status_code] += 1
            if response.status_code not in SENT_AGAIN:
                break
            await asyncio.sleep(float(response.headers["retry-after"]))
        outcome.bodies[key].add(_without_keep_alives(response.content))
        outcome.replayed += "idempotency-replayed" in response.headers


def _without_keep_alives(body: bytes) -> bytes:
    """Each connection has its own."""
    return b"".join(line for line in body.splitlines(keepends=True) if line != b":\n")


async def measure(name: str, gateways: Sequence[GatewayProcess]) -> dict[str, Any]:
    await asyncio.gather(*(gateway.start() for gateway in gateways))
    token = await gateways[0].run(
        "token", "issue", "--user", "benchmark", "--scope", "chat admin", "--lifetime", "1d"
    )
    async with connected(gateways, KEYS * ATTEMPTS) as clients:
        requests = Requests(clients, {"Authorization": f"Bearer {token}"})
        began = time.perf_counter()
        first = await requests.send(ATTEMPTS)
        seconds = time.perf_counter() - began
        generated, charged = await requests.generated(), await requests.charged()
    for gateway in gateways:
        gateway.send_signal(signal.SIGTERM)
        await gateway.wait()
    await asyncio.gather(*(gateway.start() for gateway in gateways))
    async with connected(gateways, KEYS * ATTEMPTS) as clients:
        requests.clients = clients
        began = time.perf_counter()
        again = await requests.send(1)
        again_seconds = time.perf_counter() - began
        generated_again, charged_in_all = await requests.generated(), await requests.charged()
    same = sum(first.bodies[key] == again.bodies[key] for key in requests.keys)
    return {
        "gateways": name,
        "requests": KEYS * ATTEMPTS,
        "keys": KEYS,
        "statuses": dict(first.statuses + again.statuses),
        "generated": generated,
        "charged": charged,
        "replayed": first.replayed,
        "lost_connections": first.lost_connections + again.lost_connections,
        "different_bodies": sum(map(len, first.bodies.values())),
        "seconds": round(seconds, 2),
        "generated_after_restart": generated_again,
        "charged_in_all": charged_in_all,
        "same_bytes_after_restart": same,
        "seconds_after_restart": round(again_seconds, 2),
    }


def main() -> None:
    rows = asyncio.run(measure_each_kind(SETTINGS, measure))
    table = Table("", *(str(row["gateways"]) for row in rows))
    for name in list(rows[0])[1:]:
        table.add_row(name.replace("_", " "), *(str(row[name]) for row in rows))
    Console(width=120).print(table)
    versions = hardware_and_versions("sqlalchemy", "asyncpg", "aiosqlite")
    print(json.dumps({"benchmark": "idempotent_requests", "rows": rows, **versions}))


if __name__ == "__main__":
    main()
