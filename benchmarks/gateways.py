"""This gateway beside others: `python -m benchmarks.gateways` (a quarter of an hour; `--kinds` for a part).

The same canned engine on loopback behind each, the same load in turns: whole responses, streams of a hundred
events, a picture of 2 MB; then latency and time to the first event at a fixed rate. This gateway runs with
access tokens, limits per user, usage, metrics and the log; the others with what they have. Everything shares
this machine's cores, so only ratios within a round and processor time for a request say something.
`--gateway-cores 2` gives two cores to the gateways alone, where there are more.

`--soak 200000` prints the memory of this gateway alone, every 20,000 requests.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.canned_engine import EVENTS, CannedEngine, canned_engine
from benchmarks.compiled_load import (
    Post,
    processor_seconds,
    resident_bytes,
    run_wrk,
    wait_until_idle,
)
from benchmarks.http_load import Target, first_events, open_loop, run
from benchmarks.other_gateways import CHAT_PATH, OTHER_GATEWAYS, START_SECONDS, Forwarder
from testbed.gateways import started_gateway
from testbed.hardware import hardware_and_versions
from testbed.servers import RedisServer, server_directory

OURS: Final = "this, 2 processes"
ONE_OF_THEM: Final = "this, 1 process with Redis"
ALONE: Final = "this, 1 process"
OWN: Final = {OURS: (2, True), ONE_OF_THEM: (1, True), ALONE: (1, False)}  # processes, whether with Redis
DIRECT: Final = "the engine itself"
CONNECTIONS: Final = (1, 32, 256)
PICTURE_TIMES: Final = 2  # as long: a picture takes fifty times as long as words
WARM_UP_SECONDS: Final = (
    2.0  # of each gateway; LiteLLM's first requests take three times as long as later ones
)
SOAK_REQUESTS: Final = 20_000  # between two figures
SOAK_SECONDS: Final = 30.0  # of each load
CALM_PER_SECOND: Final = 100
PICTURE_BYTES: Final = 2_000_000
LIMITS: Final = {
    "GATEWAY_BACKEND": "remote",
    "GATEWAY_REMOTE__MAX_OUTSTANDING": "2000",
    "GATEWAY_REMOTE__PICTURE_FORMAT": "jpeg",
    "GATEWAY_MEDIA__MAX_WAITING_FILES": "2000",
    "GATEWAY_AUTH__ACCESS_TOKEN_TTL": "P1D",  # the benchmark takes longer than the 15 minutes of the default
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of load. `events` in each response."""

    name: str
    streams: bool
    has_picture: bool

    def body(self, model: str) -> bytes:
        content: Any = "hello there"
        if self.has_picture:
            url = f"data:image/jpeg;base64,{base64.b64encode(picture()).decode()}"
            content = [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": url}},
            ]
        fields: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": content}]}
        fields |= {"max_tokens": 200, "stream": True} if self.streams else {"max_tokens": 200}
        return json.dumps(fields).encode()


WHOLE: Final = Kind("whole", streams=False, has_picture=False)
STREAMED: Final = Kind("streamed", streams=True, has_picture=False)
PICTURE: Final = Kind("picture", streams=False, has_picture=True)
KINDS: Final = (WHOLE, STREAMED, PICTURE)

Figures = dict[str, float]


def picture() -> bytes:
    """A JPEG of about 2 MB, as a phone's camera makes it: noise over a gradient."""
    chance = np.random.default_rng(0)
    shades = np.linspace(0, 200, 1920, dtype=np.float32)[:, None, None]
    pixels = np.clip(shades + chance.normal(0, 30, (1920, 1440, 3)), 0, 255).astype(np.uint8)
    for quality in range(95, 5, -5):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        if file.tell() <= PICTURE_BYTES:
            break
    return file.getvalue()


@contextlib.contextmanager
def on_cores(cores: Collection[int]) -> Iterator[None]:
    """What is started meanwhile runs there; anywhere if there are none."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def ours(
    engine: int, processes: int, directory: Path, cores: Collection[int] = (), *, has_redis: bool = True
) -> Iterator[Forwarder]:
    """The processor time of Redis counts as the gateway's, also if it does not run on its cores."""
    settings = LIMITS | {"GATEWAY_REMOTE__ENDPOINTS": json.dumps([{"url": f"http://127.0.0.1:{engine}"}])}
    with contextlib.ExitStack() as stack:
        roots = []
        if has_redis:
            redis = RedisServer(directory)
            redis.start()
            stack.callback(redis.stop)
            roots.append(redis.process_id)
            settings |= {"GATEWAY_PROCESSES": str(processes), "GATEWAY_REDIS_URL": redis.url}
        with on_cores(cores):
            started = stack.enter_context(started_gateway("chat vision", None, **settings))
        roots.append(started.process_id)
        wait_until_all_serve(started.port, processes)
        headers = {"Authorization": f"Bearer {started.token}"}
        yield Forwarder(started.port, tuple(roots), headers=headers)


def wait_until_all_serve(port: int, processes: int) -> None:
    """The port responds when the first process does."""
    deadline = time.monotonic() + START_SECONDS
    while httpx.get(f"http://127.0.0.1:{port}/metrics").text.count("\ngateway_build_info{") < processes:
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


@contextlib.contextmanager
def all_running(
    names: set[str], engine: CannedEngine, cores: Collection[int], *, streams: bool
) -> Iterator[dict[str, Forwarder]]:
    """Each in front of a port that responds whole or streams. This gateway always requests streams."""
    with contextlib.ExitStack() as stack:
        forwarders = {}
        own_engine, engine_port = (engine.long, engine.long) if streams else (engine.short, engine.whole)
        for name, (processes, has_redis) in OWN.items():
            if name in names:
                directory = stack.enter_context(server_directory())
                running = ours(own_engine, processes, directory, cores, has_redis=has_redis)
                forwarders[name] = stack.enter_context(running)
        for other in OTHER_GATEWAYS:
            if other.name in names and (other.can_stream or not streams):
                with on_cores(cores):
                    running = other.running(engine_port, streams=streams)
                    forwarders[other.name] = stack.enter_context(running)
        yield forwarders


def measure_cell(forwarder: Forwarder, kind: Kind, connections: int, seconds: float) -> Figures:
    post = Post(forwarder.port, forwarder.path, kind.body(forwarder.model), forwarder.headers)
    before = processor_seconds(forwarder.process_ids)
    result = run_wrk(post, connections, seconds * (PICTURE_TIMES if kind.has_picture else 1))
    spent = processor_seconds(forwarder.process_ids) - before
    wait_until_idle(forwarder.process_ids)
    return {
        "per_second": result.per_second * (EVENTS if kind.streams else 1),
        "p50_ms": result.p50 * 1e3,
        "p99_ms": result.p99 * 1e3,
        "processor_ms": spent / max(result.requests, 1) * 1e3,
        "failures": result.failures,
        "bytes": result.received_bytes / max(result.requests, 1),
    }


def measure_calm(forwarder: Forwarder, kind: Kind, requests: int) -> Figures:
    """Latency at a fixed rate; of streams, until the first event with text."""
    headers = tuple(forwarder.headers.items())
    target = Target("127.0.0.1", forwarder.port, forwarder.path, kind.body(forwarder.model), headers=headers)
    load = run((first_events if kind.streams else open_loop)(target, CALM_PER_SECOND, requests))
    return {
        "p50_ms": load.percentile(0.5) * 1e3,
        "p99_ms": load.percentile(0.99) * 1e3,
        "failures": load.failures,
    }


Rounds = dict[tuple[str, str, int | str], list[Figures]]


def measure(
    names: set[str],
    kinds: Sequence[Kind],
    engine: CannedEngine,
    rounds: int,
    seconds: float,
    cores: Collection[int] = (),
) -> Rounds:
    """Figures of each round, by gateway, kind of load and connections (or `calm`).

    `cores` are those of the gateways, as in `on_cores`.
    """
    found: Rounds = {}
    for streams in (False, True):
        of_these = [kind for kind in kinds if kind.streams == streams]
        if of_these:
            direct = Forwarder(engine.long if streams else engine.whole, (engine.process_id,))
            with all_running(names, engine, cores, streams=streams) as forwarders:
                for forwarder in forwarders.values():
                    measure_cell(forwarder, of_these[0], 32, WARM_UP_SECONDS)
                for number in range(rounds):
                    _measure_round(number, of_these, direct, forwarders, seconds, found)
    return found


def _measure_round(
    number: int,
    kinds: Sequence[Kind],
    direct: Forwarder,
    forwarders: Mapping[str, Forwarder],
    seconds: float,
    found: Rounds,
) -> None:
    for kind in kinds:
        for connections in CONNECTIONS:
            for name, forwarder in forwarders.items():
                figures = measure_cell(forwarder, kind, connections, seconds)
                found.setdefault((name, kind.name, connections), []).append(figures)
                _say(number, name, kind.name, connections, figures)
        if not kind.has_picture:
            for name, forwarder in {DIRECT: direct, **forwarders}.items():
                figures = measure_calm(forwarder, kind, 300)
                found.setdefault((name, kind.name, "calm"), []).append(figures)
                _say(number, name, kind.name, "calm", figures)


def _say(number: int, name: str, kind: str, load: int | str, figures: Figures) -> None:
    shown = " ".join(f"{key} {value:,.2f}" for key, value in figures.items())
    print(f"{number} {name}, {kind}, {load}: {shown}", file=sys.stderr, flush=True)


def medians(found: Rounds) -> list[dict[str, Any]]:
    return [
        {"gateway": name, "kind": kind, "load": load}
        | {key: round(statistics.median(figures[key] for figures in rounds), 2) for key in rounds[0]}
        for (name, kind, load), rounds in found.items()
    ]


def ratio(found: Rounds, kind: Kind, connections: int, other: str, key: str = "per_second") -> float | None:
    """The median over rounds of ours to another's."""
    own, others = (found.get((name, kind.name, connections)) for name in (OURS, other))
    if own is None or others is None:
        return None
    return round(statistics.median(a[key] / b[key] for a, b in zip(own, others, strict=True)), 3)


def added(found: Rounds, kind: Kind, key: str) -> float | None:
    """Milliseconds that this gateway adds to the engine's at a fixed rate, as a median over rounds."""
    own, direct = found.get((OURS, kind.name, "calm")), found.get((DIRECT, kind.name, "calm"))
    if own is None or direct is None:
        return None
    return round(statistics.median(a[key] - b[key] for a, b in zip(own, direct, strict=True)), 2)


def goals(found: Rounds) -> dict[str, float | None]:
    of = partial(ratio, found)
    return {
        "whole at 32, to LiteLLM (12)": of(WHOLE, 32, "litellm"),
        "whole at 32, to Portkey (1.5)": of(WHOLE, 32, "portkey"),
        "whole at 32, to ferrogw (0.33)": of(WHOLE, 32, "ferrogw"),
        "whole at 32, to smg (0.33)": of(WHOLE, 32, "smg"),
        "events a second at 32, to ferrogw (0.5)": of(STREAMED, 32, "ferrogw"),
        "events a second at 32, to smg (0.5)": of(STREAMED, 32, "smg"),
        "added p50 at 100 a second, ms (2)": added(found, WHOLE, "p50_ms"),
        "added p99 at 100 a second, ms (8)": added(found, WHOLE, "p99_ms"),
        "added time to the first event, ms (2)": added(found, STREAMED, "p50_ms"),
        "speed of 2 processes to 1 with Redis (1.8)": of(WHOLE, 32, ONE_OF_THEM),
        "processor time for a request, likewise": of(WHOLE, 32, ONE_OF_THEM, "processor_ms"),
        "speed of 2 processes to 1 without Redis": of(WHOLE, 32, ALONE),
    }


def soak(engine: CannedEngine, requests: int) -> dict[str, float]:
    """Resident memory of two processes and Redis over many requests."""
    figures: dict[str, float] = {}
    with server_directory() as directory, ours(engine.short, 2, directory) as forwarder:
        post = Post(forwarder.port, CHAT_PATH, WHOLE.body(forwarder.model), forwarder.headers)
        done = failures = 0
        while done < requests or not figures:
            target = (done // SOAK_REQUESTS + 1) * SOAK_REQUESTS if figures else 0
            while done < target:
                result = run_wrk(post, 32, SOAK_SECONDS)
                done, failures = done + result.requests, failures + result.failures
            wait_until_idle(forwarder.process_ids)
            mib = resident_bytes(forwarder.process_ids) / (1 << 20)
            figures[f"resident_mib_after_{done}"] = round(mib, 1)
            print(f"after {done} requests: {mib:.1f} MiB, {failures} failed", file=sys.stderr, flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load")
    parser.add_argument(
        "--soak", type=int, default=0, help="requests while memory is watched, such as 200000; nothing else"
    )
    parser.add_argument("--only", nargs="*", help="names of gateways, as in the table")
    parser.add_argument(
        "--gateway-cores", type=int, default=0, help="of the gateways alone; 0: all share all"
    )
    of_kinds = {kind.name: kind for kind in KINDS}
    parser.add_argument("--kinds", nargs="*", choices=of_kinds, default=[*of_kinds])
    arguments = parser.parse_args()
    if arguments.soak:
        with canned_engine() as engine:
            print(
                json.dumps(
                    soak(engine, arguments.soak) | hardware_and_versions("uvicorn", "aiohttp", "redis")
                )
            )
        return
    names = set(arguments.only or (*OWN, *(other.name for other in OTHER_GATEWAYS)))
    for other in OTHER_GATEWAYS:
        if other.name in names:
            try:
                other.install()
            except (OSError, subprocess.CalledProcessError) as error:
                names.discard(other.name)
                print(f"Left out: {other.name}, which cannot be installed ({error})", file=sys.stderr)
    all_cores = sorted(os.sched_getaffinity(0))
    gateway_cores, others = all_cores[: arguments.gateway_cores], all_cores[arguments.gateway_cores :]
    with on_cores(others if gateway_cores else ()), canned_engine() as engine:
        kinds = [of_kinds[name] for name in arguments.kinds]
        found = measure(names, kinds, engine, arguments.rounds, arguments.seconds, gateway_cores)
    rows = medians(found)
    print_rows(rows, goals(found))
    versions = hardware_and_versions("uvicorn", "httptools", "aiohttp", "redis")
    requirements = [other.requirement for other in OTHER_GATEWAYS if other.name in names]
    print(json.dumps({"rows": rows, "goals": goals(found), "others": requirements, **versions}))


def print_rows(rows: list[dict[str, Any]], figures: dict[str, Any]) -> None:
    table = Table(title="Gateways in front of the same engine; a stream has 100 events")
    for column in (
        "kind",
        "connections",
        "gateway",
        "a second",
        "p50 ms",
        "p99 ms",
        "processor ms",
        "failures",
    ):
        table.add_column(column, justify="left" if column in ("kind", "gateway") else "right")
    for row in sorted(rows, key=lambda row: (row["kind"], str(row["load"]))):
        per_second = f"{row['per_second']:,.0f}" if "per_second" in row else f"{CALM_PER_SECOND} sent"
        processor = f"{row['processor_ms']:.2f}" if "processor_ms" in row else ""
        cells = (row["kind"], str(row["load"]), row["gateway"], per_second, f"{row['p50_ms']:.2f}")
        table.add_row(*cells, f"{row['p99_ms']:.2f}", processor, f"{row['failures']:.0f}")
    console = Console(width=140)
    console.print(table)
    for name, value in figures.items():
        console.print(f"{name}: {value}")


if __name__ == "__main__":
    main()
