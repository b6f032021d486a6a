"""Engines of others, as processes that serve a checkpoint: how each is started, and what it takes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from inference.config import Ability
from testbed.servers import MissingServer, free_port

from .....conftest import leave_out

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[5]
PACKAGES = ROOT / ".clients"  # made by scripts/install-test-clients
SECONDS = 600.0  # to start: vLLM took 290 on a machine with a load of eight per processor

Command = Callable[[Path, int], list[str | Path]]


@dataclass(frozen=True)
class EngineKind:
    """`packages` is a folder of PACKAGES. An optional one is installed by hand: its tests take minutes."""

    packages: str
    command: Command
    abilities: frozenset[Ability]
    refuses_long_prompts: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    is_optional: bool = False


def _llama_cpp(model: Path, port: int) -> list[str | Path]:
    return [sys.executable, HERE / "llama_server.py", model, str(port)]


def _transformers(model: Path, port: int) -> list[str | Path]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    return [sys.executable, HERE / "transformers_serve.py", "serve", model, *where]


def _vllm(model: Path, port: int) -> list[str | Path]:
    """Not its command `vllm`, which does not find the version of a package of another name."""
    return [
        *(PACKAGES / "vllm" / "bin" / "python", "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model, "--served-model-name", "canned", "--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", "float32", "--enforce-eager", "--max-num-seqs", "16"),
    ]


ENGINES = {
    "llama_cpp": EngineKind(
        "llama", _llama_cpp, frozenset({"logprobs", "thinking", "tools", "top_k", "typed_output"})
    ),
    "transformers": EngineKind("engine", _transformers, frozenset({"tools"}), refuses_long_prompts=False),
    "vllm": EngineKind(
        "vllm",
        _vllm,
        frozenset({"logprobs", "thinking", "top_k", "typed_output"}),
        environment={"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"},
        is_optional=True,
    ),
}


@dataclass
class Engine:
    """A running server. `stop` ends it; `kill` ends it in the middle of whatever it does."""

    kind: EngineKind
    process: "subprocess.Popen[bytes]"
    url: str

    @classmethod
    def start(cls, name: str, model: Path, log: Path) -> "Engine":
        """Returns once it responds. Leaves the test out where its packages could not be installed."""
        kind = ENGINES[name]
        packages = PACKAGES / kind.packages
        if not (packages / ".installed").is_file():
            if kind.is_optional:
                pytest.skip(f"{name} is optional: `scripts/install-test-clients {name}` installs it")
            leave_out(MissingServer(f"{name}: scripts/install-test-clients installs it"))
        port = free_port()
        environment = os.environ | {
            "PYTHONPATH": f"{ROOT}:{packages}",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            **kind.environment,
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                kind.command(model, port),
                cwd=log.parent,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        engine = cls(kind, process, f"http://127.0.0.1:{port}")
        try:
            engine._wait(log)
        except BaseException:
            engine.kill()
            raise
        return engine

    def kill(self) -> None:
        """With its children, which some engines have."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
        self.process.wait()

    def _wait(self, log: Path) -> None:
        ends_at = time.monotonic() + SECONDS
        while time.monotonic() < ends_at:
            if self.process.poll() is not None:
                raise RuntimeError(f"the engine has ended: {log.read_text(errors='replace')[-2000:]}")
            try:
                if httpx.get(f"{self.url}/health", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError(log.read_text(errors="replace")[-2000:])
