"""What telemetry costs: `python -m benchmarks.telemetry_overhead` (about three minutes).

Three gateways take turns under the same load: telemetry off, on with every request traced, and on with a
collector that is unavailable. Their servers share a core, load and collector the other; medians are compared.
Memory and threads are those of each gateway after its load. Processor time per request, of all threads,
is the steadiest figure on a machine that does other work.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.gateway_overhead import BODY, CONNECTIONS
from benchmarks.http_load import Load, Target, closed_loop, open_loop, run
from testbed.gateways import LOAD_CORE, gateway, pin_to
from testbed.hardware import hardware_and_versions
from testbed.servers import free_port

PACKAGES = ("fastapi", "opentelemetry-sdk", "protobuf", "requests", "uvicorn", "uvloop")
CASES = ("off", "on", "unavailable")
SETTLING_SECONDS = 1.5
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=2000, help="a round, on each gateway")
    arguments = parser.parse_args()
    pin_to(LOAD_CORE)
    loads: dict[str, list[Load]] = {name: [] for name in CASES}
    calm: dict[str, list[Load]] = {name: [] for name in CASES}
    processor: dict[str, list[float]] = {name: [] for name in CASES}
    processes = {}
    figures: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        ports = {"on": stack.enter_context(collector()), "unavailable": free_port()}
        targets = {}
        for name in CASES:
            settings = {}
            if name in ports:
                settings["GATEWAY_TELEMETRY__ENDPOINT"] = f"http://127.0.0.1:{ports[name]}"
            port, processes[name], token = stack.enter_context(gateway(**settings))
            targets[name] = Target("127.0.0.1", port, "/chat", BODY, token)
            run(closed_loop(targets[name], CONNECTIONS, 500))
        for _ in range(arguments.rounds):
            for name, target in targets.items():
                before = processor_seconds(processes[name])
                loads[name].append(run(closed_loop(target, CONNECTIONS, arguments.requests)))
                time.sleep(SETTLING_SECONDS)  # what waits is exported too
                processor[name].append((processor_seconds(processes[name]) - before) / arguments.requests)
                calm[name].append(run(open_loop(target, 100, 200)))
        for name, process_id in processes.items():
            figures |= {f"{name}_{figure}": value for figure, value in memory_and_threads(process_id).items()}
    figures["failures"] = sum(load.failures for each in loads.values() for load in each)
    for name in CASES:
        figures[f"{name}_requests_per_second"] = round(
            statistics.median(load.per_second for load in loads[name])
        )
        figures[f"{name}_processor_us_per_request"] = round(statistics.median(processor[name]) * 1e6)
        for percent in (50, 99):
            seconds = statistics.median(load.percentile(percent / 100) for load in calm[name])
            figures[f"{name}_p{percent}_ms_at_100_per_second"] = round(seconds * 1000, 2)
    for name in ports:
        pairs = zip(loads[name], loads["off"], strict=True)
        figures[f"{name}_to_off"] = round(
            statistics.median(it.per_second / off.per_second for it, off in pairs), 3
        )
    table = Table("figure", "value", title="What telemetry costs")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    Console().print(table)
    print(json.dumps(figures | {"hardware": hardware_and_versions(*PACKAGES)}))


def processor_seconds(process_id: int) -> float:
    """Processor time of all threads, in user and kernel mode."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_and_threads(process_id: int) -> dict[str, float]:
    """Resident MiB and number of threads, as the kernel counts them."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return {
        "resident_mib": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "threads": int(status["Threads"]),
    }


@contextlib.contextmanager
def collector() -> Iterator[int]:
    """The port of a server that takes whatever is posted."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_collect, args=(theirs,), daemon=True)
    process.start()
    try:
        yield int(ours.recv())
    finally:
        process.terminate()
        process.join()


def _collect(port: Connection) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
                writer.write(RESPONSE)

    async def serve() -> None:
        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    pin_to(LOAD_CORE)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
