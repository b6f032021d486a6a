"""Resumable streams: what they cost, and whether they are whole: `python -m benchmarks.resumable_streams`.

Cost: streams that are not cut, plain and resumable in turn on the same gateway, once without Redis and once
with it; processor time per event is the steadiest figure on a machine that does other work. Cuts: streams cut
at random points, some twice, and resumed on another gateway. Parked: memory of responses that nobody reads.
Freed: from a plain client's disconnect, while others read, until the gateway logs the end of its request,
which is after its slot is free. About five minutes; `--short` is one.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import statistics
import tempfile
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import httpx
import uvloop

from testbed.figures import print_figures
from testbed.gateways import LOAD_CORE, StartedGateway, pin_to, started_gateway
from testbed.hardware import hardware_and_versions
from testbed.servers import RedisServer, server_directory

SEED = 20
SETTLING_SECONDS = 0.2  # what is written behind belongs to its own round
STEP_SECONDS = 0.05  # of the generation that a client leaves
OTHERS = 16  # streams that go on meanwhile
LOG_SECONDS = 10.0
MAX_WAITS = 5
LAST_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
PACKAGES = ("redis", "starlette", "uvicorn", "uvloop")
T = TypeVar("T")
UNBOUNDED = {"GATEWAY_STREAMS__MAX_USER_BYTES": str(2**30), "GATEWAY_STREAMS__MAX_BYTES": str(2**30)}
KEPT_SHORTLY = {"GATEWAY_STREAMS__KEPT_SECONDS": "2"} | UNBOUNDED


@dataclass(frozen=True, slots=True)
class Site:
    """Two gateways that share Redis, a database and keys."""

    first: StartedGateway
    second: StartedGateway


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", choices=("cost", "cuts", "parked", "freed"))
    arguments = parser.parse_args()
    is_short = arguments.short
    pin_to(LOAD_CORE)
    figures: dict[str, float] = {"seed": SEED}
    if arguments.only in (None, "cost"):
        figures |= cost(rounds=3 if is_short else 11, streams=20 if is_short else 50)
    if arguments.only in (None, "cuts"):
        figures |= cuts(streams=20 if is_short else 200)
    if arguments.only in (None, "parked"):
        figures |= parked(streams=500 if is_short else 10_000)
    if arguments.only in (None, "freed"):
        figures |= freed(clients=20 if is_short else 200)
    print_figures("Resumable streams", figures)
    print(json.dumps(figures | {"hardware": hardware_and_versions(*PACKAGES)}))


def cost(rounds: int, streams: int, events: int = 200) -> dict[str, float]:
    figures: dict[str, float] = {}
    with server_directory() as directory, redis_server(directory) as redis:
        for name, settings in (("memory", {}), ("redis", {"GATEWAY_REDIS_URL": redis.url})):
            with started_gateway("chat", 0, **scripted(events, 0.001), **settings, **KEPT_SHORTLY) as gateway:
                figures |= {
                    f"{name}_{key}": value for key, value in compare(gateway, rounds, streams).items()
                }
    return figures


def compare(gateway: StartedGateway, rounds: int, streams: int) -> dict[str, float]:
    rates: dict[bool, list[float]] = {False: [], True: []}
    processor: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds + 1):
        for is_resumable in (False, True) if number % 2 else (True, False):
            before, started = processor_seconds(gateway.process_id), time.perf_counter()
            events = run(read_all(gateway, streams, is_resumable=is_resumable))
            seconds = time.perf_counter() - started
            time.sleep(SETTLING_SECONDS)
            if number:  # the first one warms up
                used = processor_seconds(gateway.process_id) - before
                rates[is_resumable].append(events / seconds)
                processor[is_resumable].append(used / events * 1e6)
    return {
        "plain_events_per_second": round(statistics.median(rates[False])),
        "resumable_events_per_second": round(statistics.median(rates[True])),
        "resumable_to_plain_rate": _median_ratio(rates[True], rates[False]),
        "plain_processor_us_per_event": round(statistics.median(processor[False]), 1),
        "resumable_processor_us_per_event": round(statistics.median(processor[True]), 1),
        "resumable_to_plain_processor": _median_ratio(processor[True], processor[False]),
    }


async def read_all(gateway: StartedGateway, streams: int, *, is_resumable: bool) -> int:
    bodies = await asyncio.gather(*(read(gateway, is_resumable=is_resumable) for _ in range(streams)))
    if not all(b"event: done" in body for body in bodies):
        raise SystemExit("A stream has no end.")
    return sum(body.count(b"\nevent: ") for body in bodies)


async def read(gateway: StartedGateway, *, is_resumable: bool) -> bytes:
    """The whole connection, head and chunk sizes included."""
    body = json.dumps(
        {"prompt": "hi", "max_tokens": 2000, "stream": True, "resumable": is_resumable}
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        b"POST /chat HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (gateway.token.encode(), len(body), body)
    )
    response = await reader.read(-1)
    writer.close()
    return response


def cuts(streams: int) -> dict[str, float]:
    with two_gateways(scripted(100, 0.02)) as site:
        started = time.perf_counter()
        identical, resumptions, waits = run(cut_all(site, streams))
        seconds = time.perf_counter() - started
        time.sleep(2.0)  # until usage is written
        usage = httpx.get(
            f"http://127.0.0.1:{site.first.port}/me/usage",
            headers={"Authorization": f"Bearer {site.first.token}"},
        ).json()
    return {
        "cut_streams": streams,
        "resumptions": resumptions,
        "retries_after_503": waits,
        "byte_identical": identical,
        "generations_charged": usage["total"]["requests"],
        "cut_seconds": round(seconds, 1),
    }


async def cut_all(site: Site, streams: int) -> tuple[int, int, int]:
    chance, gate = random.Random(SEED), asyncio.Semaphore(40)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:

        async def one(cut_after: list[int]) -> tuple[bool, int, int]:
            async with gate:
                return await cut_one(client, site, cut_after)

        points = [[chance.randrange(1, 60) for _ in range(chance.choice((1, 1, 2)))] for _ in range(streams)]
        results = await asyncio.gather(*map(one, points))
    identical, resumptions, waits = zip(*results, strict=True)
    return sum(identical), sum(resumptions), sum(waits)


async def cut_one(client: httpx.AsyncClient, site: Site, cut_after: list[int]) -> tuple[bool, int, int]:
    """Reads so many events before each cut; every continuation is on the other gateway.

    Whether nothing is missing, how often it was resumed, and how often it waited after a 503.
    """
    body = {"prompt": "hi", "max_tokens": 2000, "stream": True, "resumable": True}
    gateways = site.first, site.second
    request = client.build_request("POST", _url(site.first, "/chat"), json=body, headers=_auth(site.first))
    parts: list[bytes] = []
    stream_id, waits = "", 0
    for count, events in enumerate([*cut_after, None]):
        response = await client.send(request, stream=True)
        while response.status_code == 503 and waits < MAX_WAITS:  # as apps do
            waits += 1
            await response.aclose()
            await asyncio.sleep(float(response.headers["retry-after"]))
            response = await client.send(request, stream=True)
        response.raise_for_status()
        stream_id = stream_id or response.headers["stream-id"]
        parts.append(await _read_events(response, events))
        last = LAST_ID.findall(b"".join(parts))[-1:]
        gateway = gateways[(count + 1) % 2]
        headers = _auth(gateway) | {"Last-Event-ID": (last or [b"0"])[0].decode()}
        request = client.build_request("GET", _url(gateway, f"/streams/{stream_id}"), headers=headers)
    whole = await client.get(_url(site.second, f"/streams/{stream_id}"), headers=_auth(site.second))
    joined = b"".join(parts)
    is_same = joined == whole.content.partition(b"\n\n")[2] and b"event: done" in joined
    return is_same, len(cut_after), waits


async def _read_events(response: httpx.Response, events: int | None) -> bytes:
    """Whole events alone, without the opening comment and keep-alives."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if events is not None and body.count(b"\nid: ") >= events:
            break
    await response.aclose()
    whole = body[: body.rfind(b"\n\n") + 2].partition(b"\n\n")[2]
    return b"".join(line for line in whole.splitlines(keepends=True) if line != b":\n")


def parked(streams: int) -> dict[str, float]:
    settings = scripted(64, 0) | UNBOUNDED | {"GATEWAY_STREAMS__KEPT_SECONDS": "3600"}
    with started_gateway("chat", 0, **settings) as gateway:
        for _ in range(5):
            run(read_all(gateway, 100, is_resumable=False))
        before = resident_mib(gateway.process_id)
        for _ in range(streams // 50):
            run(read_all(gateway, 50, is_resumable=True))
        after = resident_mib(gateway.process_id)
    return {"parked_streams": streams, "parked_events_each": 65, "parked_mib": round(after - before, 1)}


def freed(clients: int) -> dict[str, float]:
    with started_gateway("chat", 0, **scripted(2000, STEP_SECONDS)) as gateway:
        left_at = run(leave_all(gateway, clients))
        seconds = sorted(_seconds_to_end(gateway, left_at))
    return {
        "freed_step_ms": STEP_SECONDS * 1000,
        "freed_p50_ms": round(statistics.median(seconds) * 1000, 1),
        "freed_p99_ms": round(seconds[int(len(seconds) * 0.99) - 1] * 1000, 1),
        "freed_max_ms": round(seconds[-1] * 1000, 1),
    }


async def leave_all(gateway: StartedGateway, clients: int) -> dict[str, float]:
    """When each of them left (Unix seconds), by the id of its request."""
    chance = random.Random(SEED)
    body = {"prompt": "hi", "max_tokens": 2000, "stream": True}
    left_at: dict[str, float] = {}
    async with httpx.AsyncClient(timeout=60) as client:

        async def read_on() -> None:
            async with client.stream(
                "POST", _url(gateway, "/chat"), json=body, headers=_auth(gateway)
            ) as other:
                async for _ in other.aiter_raw():
                    pass

        others = [asyncio.create_task(read_on()) for _ in range(OTHERS)]
        for _ in range(clients):
            async with client.stream(
                "POST", _url(gateway, "/chat"), json=body, headers=_auth(gateway)
            ) as response:
                await asyncio.sleep(0.1 + chance.random() * STEP_SECONDS)
                left_at[response.headers["x-request-id"]] = time.time()
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    return left_at


def _seconds_to_end(gateway: StartedGateway, left_at: dict[str, float]) -> list[float]:
    """Of each request that was left, as the gateway's log has it."""
    deadline = time.monotonic() + LOG_SECONDS
    while True:
        whole_lines = gateway.log.read_text().rpartition("\n")[0].splitlines()
        lines = [json.loads(line) for line in whole_lines if line.startswith("{")]
        ended_at = {
            line["request_id"]: datetime.fromisoformat(line["time"]).timestamp()
            for line in lines
            if line.get("outcome") == "client_gone"
        }
        if left_at.keys() <= ended_at.keys():
            return [ended_at[request_id] - left_at[request_id] for request_id in left_at]
        if time.monotonic() > deadline:
            raise SystemExit("A client that left is not in the log.")
        time.sleep(0.1)


def scripted(events: int, step_seconds: float) -> dict[str, str]:
    reply = " ".join(f"word{number}" for number in range(events))
    return {"GATEWAY_SCRIPTED__REPLY": reply, "GATEWAY_SCRIPTED__STEP_SECONDS": str(step_seconds)}


@contextlib.contextmanager
def redis_server(directory: Path) -> Iterator[RedisServer]:
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def two_gateways(settings: dict[str, str]) -> Iterator[Site]:
    with (
        tempfile.TemporaryDirectory() as name,
        server_directory() as directory,
        redis_server(directory) as redis,
    ):
        shared = settings | UNBOUNDED
        shared["GATEWAY_REDIS_URL"] = redis.url
        shared["GATEWAY_DATABASE_URL"] = f"sqlite+aiosqlite:///{name}/gateway.db"
        shared["GATEWAY_AUTH__KEYS_DIR"] = f"{name}/keys"
        with (
            started_gateway("chat", 0, **shared) as first,
            started_gateway("chat", 0, **shared) as second,
        ):
            yield Site(first, second)


def processor_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process_id: int) -> float:
    (line,) = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process_id}/status").read_text())
    return int(line) / 1024


def run(work: Coroutine[object, object, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _median_ratio(numerators: list[float], denominators: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(numerators, denominators, strict=True)), 3)


def _url(gateway: StartedGateway, path: str) -> str:
    return f"http://127.0.0.1:{gateway.port}{path}"


def _auth(gateway: StartedGateway) -> dict[str, str]:
    return {"Authorization": f"Bearer {gateway.token}"}


if __name__ == "__main__":
    main()
