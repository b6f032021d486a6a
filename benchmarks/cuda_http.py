"""The 9B's shape through HTTP beside the engine alone: `python -m benchmarks.cuda_http` (about four minutes).

First the engine in a process, through its backend; then `gateway serve`, with uvicorn, access tokens, limits,
usage in SQLite, metrics and the log, on the same checkpoint with the same loads. Clients are processes of
their own. Tokens are counted by the responses' usage. `--tiny` takes a tiny model, on the CPU where there is
no GPU.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import torch

from benchmarks.checkpoint_9b import NINE_B, TINY, write_checkpoint
from benchmarks.cuda_pool import Client, Figures, tell
from benchmarks.stream_clients import Server, run_clients
from benchmarks.stream_load import Load, Stream, closed_loop_rates, errors, tokens_per_second, ttft_figures
from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions

GATEWAY = Path(__file__).with_name("cuda_gateway.py")
START_SECONDS = 300.0
USERS = 8
POISSON_SHARE = 0.7
USAGE_SECONDS = 2.0  # until the last requests' usage is in the database
MAX_PROCESSES = 8  # of clients
PACKAGES = ("torch", "transformers", "uvicorn", "uvloop", "httptools", "fastapi", "starlette")


@dataclass(frozen=True, slots=True)
class Plan:
    streams: tuple[int, ...]
    running: int
    prompt_tokens: int
    max_tokens: int
    poisson_streams: int
    short_prompt: int
    short_tokens: int
    seconds: float
    cache_tokens: int


FULL = Plan((32, 64, 128), 64, 128, 512, 32, 128, 128, 10.0, 100_000)
TINY_PLAN = Plan((2, 4), 4, 32, 48, 2, 32, 8, 3.0, 4096)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="written there unless it is there, and kept")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--workers", choices=("threads", "processes"), default="threads")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = TINY_PLAN if arguments.tiny else FULL
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.checkpoint or Path(temporary, "random-9b")
        if not (directory / "config.json").exists():
            directory.mkdir(exist_ok=True)
            in_process(write_checkpoint, directory, device(0), TINY if arguments.tiny else NINE_B)
        config = EngineConfig(
            model=str(directory),
            devices=tuple(device(index) for index in range(arguments.devices)),
            workers=arguments.workers,
            quantization="int8",
            kv_cache_tokens=plan.cache_tokens,
            max_waiting_requests=1024,
            max_running_requests=plan.running,
        )
        # In a process of its own, which frees the devices at its end.
        result = Path(temporary, "engine.json")
        in_process(measure_engine, config, plan, result)
        figures = json.loads(result.read_text())
        figures |= measure_gateway(config, plan, figures)
    print_figures("The 9B's shape through HTTP", figures)
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    asked = {name: str(value) for name, value in vars(arguments).items()}
    print(
        json.dumps(
            figures | {"arguments": asked, "gpus": names, "hardware": hardware_and_versions(*PACKAGES)}
        )
    )


def device(index: int) -> str:
    return f"cuda:{index}" if torch.cuda.device_count() else "cpu"


def in_process(target: object, *arguments: object) -> None:
    assert callable(target)
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{getattr(target, '__name__', target)} failed.")


def measure_engine(config: EngineConfig, plan: Plan, result: Path) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    async def measure() -> Figures:
        backend = InProcessBackend(config)
        await backend.start()
        try:
            client = Client(backend, count())
            await client.run(at_once(plan, 2 * len(config.devices)))
            figures: Figures = {}
            for streams in plan.streams:
                found = await client.run(at_once(plan, streams))
                figures |= tell({f"engine_at_{streams}_tokens_per_second": tokens_per_second(found)})
            return figures
        finally:
            await backend.aclose(0)

    result.write_text(json.dumps(asyncio.run(measure())))


def at_once(plan: Plan, streams: int) -> Load:
    return Load("at_once", streams, plan.prompt_tokens, plan.max_tokens, 0)


def measure_gateway(config: EngineConfig, plan: Plan, engine: Figures) -> Figures:
    figures: Figures = {}
    numbers, received = count(), 0
    with gateway(config) as (server, process_id, ready_seconds):
        figures["gateway_ready_seconds"] = round(ready_seconds, 1)

        def run(load: Load) -> list[Stream]:
            nonlocal received
            processes = max(1, min(MAX_PROCESSES, (os.cpu_count() or 1) // 2, load.streams))
            streams = run_clients(server, replace(load, first=10_000_000 * next(numbers)), processes)
            received += sum(stream.tokens for stream in streams)
            return streams

        run(at_once(plan, 2 * len(config.devices)))
        for streams in plan.streams:
            before = processor_seconds(process_id)
            found = run(at_once(plan, streams))
            rate = tokens_per_second(found)
            alone = float(str(engine[f"engine_at_{streams}_tokens_per_second"]))
            pieces = sum(len(stream.moments) for stream in found)
            figures |= tell(
                {
                    f"http_at_{streams}_tokens_per_second": rate,
                    f"http_to_engine_at_{streams}": round(rate / alone, 3),
                    f"http_at_{streams}_tokens_per_event": round(
                        sum(each.tokens for each in found) / pieces, 2
                    ),
                    f"http_at_{streams}_gateway_processor_seconds": round(
                        processor_seconds(process_id) - before, 1
                    ),
                    f"http_at_{streams}_errors": errors(found),
                }
            )
        closed = Load("closed", plan.poisson_streams, plan.short_prompt, plan.short_tokens, 0, plan.seconds)
        tokens, requests = closed_loop_rates(closed, run(closed))
        poisson = replace(closed, kind="poisson", rate=POISSON_SHARE * requests)
        figures |= {
            "http_load_tokens_per_second": tokens,
            "http_load_requests_per_second": round(requests, 1),
        }
        figures |= tell(ttft_figures("http_poisson", run(poisson)))
        time.sleep(USAGE_SECONDS)
        figures["tokens_received"] = received
        figures["tokens_recorded"] = recorded_tokens(server)
    return figures


def recorded_tokens(server: Server) -> int:
    """Of all users, by the gateway's own records."""
    total = 0
    for token in server.tokens:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/me/usage")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=10) as response:
            total += json.load(response)["total"]["completion_tokens"]
    return total


@contextlib.contextmanager
def gateway(config: EngineConfig) -> Iterator[tuple[Server, int, float]]:
    with tempfile.TemporaryDirectory() as data:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        environment = os.environ | {
            "GATEWAY_BACKEND": "in_process",
            "GATEWAY_DATA_DIR": data,
            "GATEWAY_MODEL": config.model,
            "GATEWAY_DEVICES": ",".join(config.devices),
            "GATEWAY_WORKERS": config.workers,
            "GATEWAY_QUANTIZATION": config.quantization,
            "GATEWAY_ENGINE__KV_CACHE_TOKENS": str(config.kv_cache_tokens),
            "GATEWAY_ENGINE__MAX_RUNNING_REQUESTS": str(config.max_running_requests),
            "GATEWAY_ENGINE__MAX_WAITING_REQUESTS": str(config.max_waiting_requests),
            "GATEWAY_LIMITS__REQUESTS_PER_MINUTE": "1000000",
            "GATEWAY_LIMITS__CONCURRENT_REQUESTS": "10000",
            "GATEWAY_LIMITS__MAX_IN_FLIGHT": "10000",
            "GATEWAY_REQUEST_TIMEOUT_SECONDS": "600",
            "GATEWAY_DRAIN_SECONDS": "1",
        }
        command = [sys.executable, str(GATEWAY)]
        log = Path(data, "log")
        started = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "serve", "--port", str(port)], env=environment, stdout=output, stderr=output
            )
        try:
            wait_until_ready(port, process, log)
            ready_seconds = time.monotonic() - started
            tokens = tuple(issue(command, environment, f"user{index}") for index in range(USERS))
            yield Server(port, tokens, Path(config.model).name), process.pid, ready_seconds
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            print(*log.read_text().splitlines()[-3:], sep="\n")


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"The gateway did not start:\n{log.read_text()}")


def issue(command: list[str], environment: dict[str, str], user: str) -> str:
    issued = subprocess.run(
        [*command, "token", "issue", "--user", user, "--scope", "chat"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return issued.stdout.strip()


def processor_seconds(process_id: int) -> float:
    """Of a process and its threads."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
