"""Other gateways from the package indexes, each in an environment of its own under .clients/gateways.

How each is installed, started in front of a canned engine, and addressed. What they check is what they check
by default; a limit of requests that comes with one is raised.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from benchmarks.canned_engine import MODEL
from testbed.gateways import running_process
from testbed.servers import free_port

CACHE: Final = Path(__file__).parents[1] / ".clients" / "gateways"
START_SECONDS: Final = 900.0  # LiteLLM imports for minutes on a busy machine
KEY: Final = "fgw_benchmark_0123456789abcdef"
LITELLM_KEY: Final = "sk-benchmark-0123456789abcdef"
PORTKEY: Final = "@portkey-ai/gateway@1.15.2"
LITELLM_WORKERS: Final = 2  # one for each core
CHAT_PATH: Final = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Forwarder:
    """A gateway that runs. `process_ids` are the roots of everything that it needs."""

    port: int
    process_ids: tuple[int, ...]
    model: str = MODEL
    path: str = CHAT_PATH
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OtherGateway:
    """`command` gets its port, the engine's port and an empty directory."""

    name: str
    requirement: str
    is_compiled: bool
    command: Callable[[int, int, Path], list[str]]
    environment: Callable[[int, int, Path], dict[str, str]] = lambda port, engine, directory: {}
    headers: Callable[[int], dict[str, str]] = lambda engine: {}
    model: str = MODEL
    can_stream: bool = True

    @property
    def home(self) -> Path:
        return CACHE / self.name

    def install(self) -> None:
        """Into its own environment, once for each version. Raises `CalledProcessError`."""
        stamp = self.home / ".installed"
        if stamp.exists() and stamp.read_text() == self.requirement:
            return
        print(f"Installing {self.requirement} into {self.home} ...", file=sys.stderr, flush=True)
        self.home.mkdir(parents=True, exist_ok=True)
        if self.requirement.startswith("@"):
            command = ["npm", "install", "--prefix", str(self.home), "--no-audit", "--no-fund"]
            subprocess.run([*command, "--loglevel=error", self.requirement], check=True, stdout=sys.stderr)
        else:
            subprocess.run([sys.executable, "-m", "venv", str(self.home)], check=True)
            pip = [str(self.home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
            subprocess.run([*pip, "--disable-pip-version-check", self.requirement], check=True)
        stamp.write_text(self.requirement)

    @contextlib.contextmanager
    def running(self, engine: int, *, streams: bool) -> Iterator[Forwarder]:
        """In front of the engine at that port, which streams or does not.

        Raises `TimeoutError` with the end of its log.
        """
        port = free_port()
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            environment = {"PATH": f"{self.home / 'bin'}:{os.environ['PATH']}", "HOME": name}
            environment |= self.environment(port, engine, directory)
            command = self.command(port, engine, directory)
            log = directory / "log"
            with running_process(command, environment, log, core=None) as process_id:
                forwarder = Forwarder(port, (process_id,), self.model, headers=self.headers(engine))
                wait_until_it_forwards(forwarder, log, streams=streams)
                yield forwarder


def wait_until_it_forwards(forwarder: Forwarder, log: Path, *, streams: bool) -> None:
    body = {
        "model": forwarder.model,
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 8,
        "stream": streams,  # the engine does either, whatever it is asked for
    }
    url = f"http://127.0.0.1:{forwarder.port}{forwarder.path}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.post(url, json=body, headers=dict(forwarder.headers), timeout=30).status_code == 200:
                return
        time.sleep(0.2)
    raise TimeoutError(log.read_text(errors="replace")[-2_000:])


def _litellm(port: int, engine: int, directory: Path) -> list[str]:
    config = directory / "config.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n"
        f"      api_base: http://127.0.0.1:{engine}/v1\n      api_key: {KEY}\n"
    )
    program = str(CACHE / "litellm" / "bin" / "litellm")
    options = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", str(LITELLM_WORKERS)]
    # uvicorn ends workers that import for more than five seconds.
    return [program, "--config", str(config), *options, "--timeout_worker_healthcheck", "600"]


def _ferrogw_environment(port: int, engine: int, directory: Path) -> dict[str, str]:
    config = directory / "config.yaml"
    config.write_text("strategy:\n  mode: fallback\ntargets:\n  - virtual_key: openai\n")
    return {
        "GATEWAY_CONFIG": str(config),
        "MASTER_KEY": KEY,
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"http://127.0.0.1:{engine}",
        "PORT": str(port),
        "RATE_LIMIT_RPS": "1000000",
        "RATE_LIMIT_BURST": "1000000",
    }


def _smg(port: int, engine: int, directory: Path) -> list[str]:
    addresses = ["--host", "127.0.0.1", "--port", str(port), "--prometheus-host", "127.0.0.1"]
    options = ["--prometheus-port", str(free_port()), "--policy", "round_robin", "--log-level", "warn"]
    workers = ["--worker-urls", f"http://127.0.0.1:{engine}"]
    return [str(CACHE / "smg" / "bin" / "smg"), "launch", *addresses, *options, *workers]


def _portkey(port: int, engine: int, directory: Path) -> list[str]:
    package = CACHE / "portkey" / "node_modules" / "@portkey-ai" / "gateway"
    return ["node", str(package / "build" / "start-server.js"), f"--port={port}", "--headless"]


OTHER_GATEWAYS: Final = (
    OtherGateway(
        "litellm",
        "litellm[proxy]==1.108.7",
        False,
        _litellm,
        lambda port, engine, directory: {
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MASTER_KEY": LITELLM_KEY,
        },
        lambda engine: {"Authorization": f"Bearer {LITELLM_KEY}"},
    ),
    OtherGateway(
        "portkey",
        PORTKEY,
        False,
        _portkey,
        lambda port, engine, directory: {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
        lambda engine: {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{engine}/v1",
            "Authorization": f"Bearer {KEY}",
        },
        can_stream=False,  # on Node 20 it writes to the headers of a response of fetch, and fails
    ),
    OtherGateway(
        "ferrogw",
        "ferrogw==1.5.10",
        True,
        lambda port, engine, directory: [str(CACHE / "ferrogw" / "bin" / "ferrogw"), "serve"],
        _ferrogw_environment,
        lambda engine: {"Authorization": f"Bearer {KEY}"},
        model="gpt-4o",
    ),
    OtherGateway("smg", "smg==1.13.0", True, _smg),
)
