"""What the gateway costs: `python -m benchmarks.gateway_overhead` (about two minutes).

The scripted backend replies at once; authentication, limits, usage, metrics and the request log are on.
Server and load have a core each. Bare FastAPI and the gateway take turns, and medians are compared, so
that a noisy neighbour hits both.
"""

import argparse
import json
import statistics
from pathlib import Path

from benchmarks.bare_server import bare_fastapi
from benchmarks.http_load import Load, Target, closed_loop, open_loop, read_streams, run
from testbed.figures import print_figures
from testbed.gateways import LOAD_CORE, gateway, pin_to
from testbed.hardware import hardware_and_versions

CONNECTIONS = 16
BODY = json.dumps({"prompt": "hello there", "max_tokens": 64}).encode()
STREAM_BODY = json.dumps({"prompt": "hello there", "max_tokens": 200, "stream": True}).encode()
STREAMS = 500
EVENTS_PER_STREAM = 100
STEP_SECONDS = "0.1"  # so 5,000 events a second are due; a gap much over 100 ms is a stall
PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "python-jose")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=6000, help="a round, on each server")
    parser.add_argument("--soak", type=int, default=100_000, help="requests while memory is watched")
    arguments = parser.parse_args()
    pin_to(LOAD_CORE)
    figures = throughput_and_latency(arguments.rounds, arguments.requests)
    figures |= memory(arguments.soak)
    figures |= streams()
    print_figures("What the gateway costs", figures)
    print(json.dumps(figures | {"hardware": hardware_and_versions(*PACKAGES)}))


def throughput_and_latency(rounds: int, requests: int) -> dict[str, float]:
    bare_loads: list[Load] = []
    gateway_loads: list[Load] = []
    bare_calm: list[float] = []
    gateway_calm: list[float] = []
    with bare_fastapi() as bare_port, gateway() as (port, _, token):
        bare = Target("127.0.0.1", bare_port, "/chat", BODY)
        full = Target("127.0.0.1", port, "/chat", BODY, token)
        for target in (bare, full):
            run(closed_loop(target, CONNECTIONS, 500))
        for _ in range(rounds):
            bare_loads.append(run(closed_loop(bare, CONNECTIONS, requests)))
            gateway_loads.append(run(closed_loop(full, CONNECTIONS, requests)))
            bare_calm.append(run(open_loop(bare, 100, 300)).percentile(0.5))
            gateway_calm.append(run(open_loop(full, 100, 300)).percentile(0.5))
    bare_rate = statistics.median(load.per_second for load in bare_loads)
    gateway_rate = statistics.median(load.per_second for load in gateway_loads)
    return {
        "bare_requests_per_second": round(bare_rate),
        "gateway_requests_per_second": round(gateway_rate),
        "gateway_to_bare": round(gateway_rate / bare_rate, 3),
        "failures": sum(load.failures for load in gateway_loads),
        "bare_p50_ms_at_100_per_second": _ms(statistics.median(bare_calm)),
        "gateway_p50_ms_at_100_per_second": _ms(statistics.median(gateway_calm)),
        "added_p50_ms_at_100_per_second": _ms(statistics.median(gateway_calm) - statistics.median(bare_calm)),
    }


def memory(requests: int) -> dict[str, float]:
    with gateway() as (port, process_id, token):
        target = Target("127.0.0.1", port, "/chat", BODY, token)
        at_start = _resident_mib(process_id)
        run(closed_loop(target, CONNECTIONS, requests // 10))
        warm = _resident_mib(process_id)
        first = run(closed_loop(target, CONNECTIONS, requests // 2))
        half = _resident_mib(process_id)
        second = run(closed_loop(target, CONNECTIONS, requests // 2))
        return {
            "resident_mib_at_start": at_start,
            "resident_mib_when_warm": warm,
            "resident_mib_after_half": half,
            "resident_mib_after_all": _resident_mib(process_id),
            "soak_requests": requests,
            "soak_failures": first.failures + second.failures,
        }


def streams() -> dict[str, float]:
    reply = " ".join(f"word{number}" for number in range(EVENTS_PER_STREAM))
    settings = {"GATEWAY_SCRIPTED__REPLY": reply, "GATEWAY_SCRIPTED__STEP_SECONDS": STEP_SECONDS}
    with gateway(**settings) as (port, _, token):
        load = run(read_streams(Target("127.0.0.1", port, "/chat", STREAM_BODY, token), STREAMS))
    return {
        "streams": STREAMS,
        "stream_failures": load.failures,
        "stream_events": load.responses,
        "stream_events_per_second": round(load.per_second),
        "longest_gap_ms_p50": _ms(load.percentile(0.5)),
        "longest_gap_ms_max": _ms(load.percentile(1.0)),
    }


def _resident_mib(process_id: int) -> float:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("the kernel does not say how much memory the process has")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


if __name__ == "__main__":
    main()
