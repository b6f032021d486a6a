"""What telemetry costs: `python -m benchmarks.telemetry_overhead` (about a minute).

Three gateways take turns under the same load: telemetry off, on with every request traced, and on with a
collector that is away. Their servers share a core, load and collector the other; medians are compared.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import statistics
from collections.abc import Iterator
from multiprocessing.connection import Connection

from rich.console import Console
from rich.table import Table

from benchmarks.gateway_overhead import BODY, CONNECTIONS
from benchmarks.http_load import Load, Target, closed_loop, open_loop, run
from testbed.gateways import LOAD_CORE, gateway, pin_to
from testbed.hardware import hardware_and_versions
from testbed.servers import free_port

PACKAGES = ("fastapi", "httpx", "opentelemetry-proto", "protobuf", "uvicorn", "uvloop")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=2000, help="a round, on each gateway")
    arguments = parser.parse_args()
    pin_to(LOAD_CORE)
    loads: dict[str, list[Load]] = {"off": [], "on": [], "away": []}
    calm: dict[str, list[float]] = {"off": [], "on": [], "away": []}
    with contextlib.ExitStack() as stack:
        ports = {"on": stack.enter_context(collector()), "away": free_port()}
        targets = {}
        for name in loads:
            settings = {}
            if name in ports:
                settings["GATEWAY_TELEMETRY__ENDPOINT"] = f"http://127.0.0.1:{ports[name]}"
            port, _, token = stack.enter_context(gateway(**settings))
            targets[name] = Target("127.0.0.1", port, "/chat", BODY, token)
            run(closed_loop(targets[name], CONNECTIONS, 500))
        for _ in range(arguments.rounds):
            for name, target in targets.items():
                loads[name].append(run(closed_loop(target, CONNECTIONS, arguments.requests)))
                calm[name].append(run(open_loop(target, 100, 100)).percentile(0.5))
    figures: dict[str, float] = {"failures": sum(load.failures for each in loads.values() for load in each)}
    for name in loads:
        figures[f"{name}_requests_per_second"] = round(
            statistics.median(load.per_second for load in loads[name])
        )
        figures[f"{name}_p50_ms_at_100_per_second"] = round(statistics.median(calm[name]) * 1000, 2)
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
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
                writer.write(ANSWER)

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    pin_to(LOAD_CORE)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
