"""Load from wrk, which is compiled and takes some microseconds a request, and what processes took of it."""

import contextlib
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from testbed.servers import find_program

IDLE_SECONDS: Final = 0.5
IDLE_SHARE: Final = 0.1  # of a processor; a gateway that does nothing still looks after itself
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SIZES: Final = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Post:
    """One request, the same every time."""

    port: int
    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """`failures` are responses that are not 2xx, and connections that broke. Times in seconds."""

    requests: int
    seconds: float
    received_bytes: int
    p50: float
    p99: float
    failures: int

    @property
    def per_second(self) -> float:
        return (self.requests - self.failures) / self.seconds


def run_wrk(post: Post, connections: int, seconds: float) -> Result:
    """As many connections, each with the next request as soon as it has its response."""
    wrk = find_program("wrk", package="wrk")
    with tempfile.TemporaryDirectory() as directory:
        body, script = Path(directory, "body"), Path(directory, "script.lua")
        body.write_bytes(post.body)
        headers = {"Content-Type": "application/json", **post.headers}
        lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
        script.write_text(
            f'local file = io.open("{body}", "rb")\nwrk.method = "POST"\n'
            'wrk.body = file:read("*a")\nfile:close()\n' + "\n".join(lines)
        )
        url = f"http://127.0.0.1:{post.port}{post.path}"
        command = [wrk, "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", "--timeout", "60s"]
        done = subprocess.run(
            [*command, "--latency", "-s", str(script), url], capture_output=True, text=True, check=True
        )
    return read_report(done.stdout)


def read_report(report: str) -> Result:
    """What wrk prints. Raises ValueError for anything else."""
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m), ([\d.]+)(B|KB|MB|GB) read", report)
    p50, p99 = (re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", report) for percent in (50, 99))
    if total is None or p50 is None or p99 is None:
        raise ValueError(f"not a report of wrk: {report}")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    return Result(
        requests=int(total[1]),
        seconds=float(total[2]) * _UNITS[total[3]],
        received_bytes=round(float(total[4]) * _SIZES[total[5]]),
        p50=float(p50[1]) * _UNITS[p50[2]],
        p99=float(p99[1]) * _UNITS[p99[2]],
        failures=(int(failed[1]) if failed else 0) + (sum(map(int, broken.groups())) if broken else 0),
    )


def processor_seconds(process_ids: Sequence[int]) -> float:
    """Of these processes and their children, so far; those that have ended meanwhile are left out."""
    seconds = 0.0
    for each in _trees(process_ids):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            seconds += times.user + times.system
    return seconds


def resident_bytes(process_ids: Sequence[int]) -> int:
    """Of these processes and their children; what they share counts for each."""
    resident = 0
    for each in _trees(process_ids):
        with contextlib.suppress(psutil.NoSuchProcess):
            resident += each.memory_info().rss
    return resident


def wait_until_idle(process_ids: Sequence[int], seconds: float = 60.0) -> None:
    """wrk leaves requests behind at its end, which must not disturb the next measurement."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = processor_seconds(process_ids)
        time.sleep(IDLE_SECONDS)
        if processor_seconds(process_ids) - before <= IDLE_SHARE * IDLE_SECONDS:
            return


def _trees(process_ids: Sequence[int]) -> list[psutil.Process]:
    roots = [psutil.Process(each) for each in process_ids]
    return [process for root in roots for process in (root, *root.children(recursive=True))]
