"""The remote backend in front of a real engine: transformers' own server, with a tiny random GLM-4."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from inference.backends.in_process import InProcessBackend
from inference.backends.remote.backend import RemoteBackend
from inference.config import EngineConfig, RemoteConfig, RemoteEndpoint
from inference.errors import BackendUnavailable, GenerationFailed, UnsupportedParameter
from testbed.servers import MissingServer, free_port

from ....conftest import leave_out
from ...tiny_checkpoints import write_glm4

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.servers]

ROOT = Path(__file__).parents[4]
PACKAGES = ROOT / ".clients" / "engine"  # made by scripts/install-test-clients
SECONDS = 90.0


class Engine:
    """The server's process and its address."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process = process
        self.url = url

    async def wait(self) -> None:
        """Until it responds. Raises TimeoutError."""
        async with asyncio.timeout(SECONDS), httpx.AsyncClient(verify=False) as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/health")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.1)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    if not (PACKAGES / ".installed").is_file():
        leave_out(MissingServer("accelerate: scripts/install-test-clients installs it"))
    model = tmp_path / "glm4"
    model.mkdir()
    write_glm4(model)
    port = free_port()
    process = subprocess.Popen(  # noqa: ASYNC220 - it takes milliseconds
        [
            *(sys.executable, Path(__file__).with_name("transformers_serve.py"), "serve", model),
            *("--host", "127.0.0.1", "--port", str(port), "--device", "cpu"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{PACKAGES}", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running = Engine(process, f"http://127.0.0.1:{port}")
    try:
        await running.wait()
        yield running
    finally:
        process.kill()
        process.wait()


async def test_a_real_engine_is_served_and_its_death_is_one_error(
    engine: Engine, make_request, tmp_path: Path
) -> None:
    """In one test, since the engine takes ten seconds to start."""
    config = RemoteConfig((RemoteEndpoint(engine.url),), abilities=frozenset({"logprobs", "tools"}))
    backend = RemoteBackend(config)
    await backend.start()
    here = InProcessBackend(EngineConfig(model=str(tmp_path / "glm4"), kv_cache_tokens=1024))
    await here.start()

    request = make_request("hello", max_tokens=12, enable_thinking=False)
    deltas = [delta async for delta in backend.generate(request)]
    expected = [delta async for delta in here.generate(request)]
    assert deltas[-1].finish_reason == expected[-1].finish_reason == "length"
    assert deltas[-1].usage.prompt_tokens == expected[-1].usage.prompt_tokens
    assert deltas[-1].usage.completion_tokens == 12
    assert not deltas[-1].usage.is_estimate
    assert any(delta.text for delta in deltas)

    with pytest.raises(UnsupportedParameter) as refused:
        [delta async for delta in backend.generate(make_request(top_k=5))]
    assert refused.value.field == "top_k"

    stream = backend.generate(make_request("hello", max_tokens=900))
    assert (await anext(stream)).usage is not None
    engine.process.send_signal(signal.SIGKILL)
    with pytest.raises(GenerationFailed):
        [delta async for delta in stream]
    with pytest.raises(BackendUnavailable):
        [delta async for delta in backend.generate(request)]
    assert not backend.status().is_ready
    assert backend.status().running == 0
    await backend.aclose(0)
    await here.aclose(0)
