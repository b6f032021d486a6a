"""Sends mutated media files to one gateway: `python -m benchmarks.media_fuzz` (some ten minutes).

Every file must get 200 or a clear refusal, never a status of 500 or more; the gateway's process must stay the
same one, and its memory must not grow. Files that break a rule are kept in `--keep` under their numbers;
`--only NUMBER` sends one again.
"""

import argparse
import asyncio
import base64
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil

from testbed.figures import print_figures
from testbed.gateways import StartedGateway, started_gateway
from testbed.hardware import hardware_and_versions
from testbed.media_mutations import Mutated, mutations

CONNECTIONS: Final = 4
WARM_UP_SHARE: Final = 0.1  # of the files, before memory is first looked at
ALLOWED_GROWTH: Final = 0.05
PATIENCE_SECONDS: Final = 60.0
MIB: Final = 2**20
SETTINGS: Final = {"GATEWAY_SCRIPTED__REPLY": "Hello."}


@dataclass(slots=True)
class Fuzzed:
    """What a run saw. Memory in bytes, of the gateway's own process."""

    statuses: Counter[str] = field(default_factory=Counter)  # by original and status
    broken: list[Mutated] = field(default_factory=list)  # status of 500 or more, or none
    slowest_seconds: float = 0.0
    slowest: int = -1
    memory_before: int = 0
    memory_after: int = 0
    has_restarted: bool = False

    @property
    def growth(self) -> float:
        return self.memory_after / self.memory_before - 1


async def fuzz(gateway: StartedGateway, files: Iterator[Mutated], count: int) -> Fuzzed:
    fuzzed = Fuzzed()
    process = psutil.Process(gateway.process_id)
    started = process.create_time()
    sent = 0

    async def send_on(client: httpx.AsyncClient) -> None:
        nonlocal sent
        for file in files:
            began = time.perf_counter()
            status = await send(client, file)
            took = time.perf_counter() - began
            if took > fuzzed.slowest_seconds:
                fuzzed.slowest_seconds, fuzzed.slowest = took, file.number
            fuzzed.statuses[f"{file.original}: {status}"] += 1
            if not 200 <= status < 500:
                fuzzed.broken.append(file)
            sent += 1
            if sent == max(1, int(count * WARM_UP_SHARE)):
                fuzzed.memory_before = process.memory_info().rss

    headers = {"Authorization": f"Bearer {gateway.token}"}
    url = f"http://127.0.0.1:{gateway.port}"
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=PATIENCE_SECONDS, verify=False
    ) as client:
        await asyncio.gather(*(send_on(client) for _ in range(CONNECTIONS)))
        alive = await client.get("/healthz")
    fuzzed.memory_after = process.memory_info().rss
    fuzzed.has_restarted = alive.status_code != 200 or process.create_time() != started
    return fuzzed


async def send(client: httpx.AsyncClient, file: Mutated) -> int:
    """As an upload, or in base64. Returns the status; 0 for a connection that was closed without one."""
    name = "image" if file.route == "/vision" else "audio"
    try:
        if file.route == "/vision" and file.number % 3 == 0:
            images = [base64.b64encode(file.data).decode()]
            response = await client.post(file.route, json={"prompt": "x", "images": images})
        else:
            response = await client.post(file.route, data={"prompt": "x"}, files={name: ("file", file.data)})
    except httpx.TransportError:
        return 0
    return response.status_code


def outcomes(port: int) -> dict[str, int]:
    """What became of the files in the sandbox, by the gateway's own counters."""
    counted: Counter[str] = Counter()
    for line in httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines():
        if line.startswith("gateway_media_files_total{"):
            labels, _, value = line.partition("} ")
            counted[labels.partition('outcome="')[2].partition('"')[0]] += int(float(value))
    return dict(counted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="send this one alone")
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="directory for what broke a rule")
    arguments = parser.parse_args()
    files = mutations(arguments.seed, arguments.count)
    if arguments.only is not None:
        files = (file for file in files if file.number == arguments.only)
    with started_gateway("vision speech", None, **SETTINGS) as gateway:
        began = time.monotonic()
        fuzzed = asyncio.run(fuzz(gateway, files, 1 if arguments.only is not None else arguments.count))
        seconds = time.monotonic() - began
        by_outcome = outcomes(gateway.port)
    statuses: Counter[str] = Counter()
    for name, number in fuzzed.statuses.items():
        statuses[name.rpartition(" ")[2]] += number
    figures = {
        "files": fuzzed.statuses.total(),
        "seconds": round(seconds, 1),
        "broken": len(fuzzed.broken),
        "has_restarted": fuzzed.has_restarted,
        "slowest_seconds": round(fuzzed.slowest_seconds, 2),
        "slowest_number": fuzzed.slowest,
        "mib_after_warm_up": round(fuzzed.memory_before / MIB, 1),
        "mib_at_the_end": round(fuzzed.memory_after / MIB, 1),
        "growth_percent": round(100 * fuzzed.growth, 1),
        **{f"status_{status}": number for status, number in sorted(statuses.items())},
        **{f"files_{outcome}": number for outcome, number in sorted(by_outcome.items())},
    }
    print_figures(f"{arguments.count:,} mutated files, seed {arguments.seed}", figures)
    versions = hardware_and_versions("pillow", "pillow-heif", "av")
    print(json.dumps({"benchmark": "media_fuzz", "seed": arguments.seed, **figures, **versions}))
    for file in fuzzed.broken:
        arguments.keep.mkdir(exist_ok=True)
        (arguments.keep / f"{file.number}").write_bytes(file.data)
        print(f"broken: {file.number} ({file.original})", file=sys.stderr)
    if fuzzed.broken or fuzzed.has_restarted or fuzzed.growth > ALLOWED_GROWTH:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
