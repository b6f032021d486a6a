"""Workers in processes on CUDA devices: an error that no call survives ends one of them alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.types import Delta, Image, Message, Text
from testbed.faulty_device import ILLEGAL_ACCESS, KILL, break_next, is_broken, load_faulty

from .conftest import require_cuda
from .test_cuda import KERNEL_SIZES
from .tiny_checkpoints import edit_json, write_glm4v

pytestmark = [pytest.mark.anyio, pytest.mark.cuda]

LONG = 4000  # tokens of a response
SHORT = 8


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kernels")
    write_glm4v(directory, torch.bfloat16, **KERNEL_SIZES, max_position_embeddings=8192)
    edit_json(directory / "generation_config.json", eos_token_id=[1_000_000])  # no response ends by chance
    return directory


@pytest.fixture
def devices() -> tuple[str, str]:
    """Two GPUs, or a GPU and the CPU."""
    require_cuda(1)
    return ("cuda:0", "cuda:1" if torch.cuda.device_count() > 1 else "cpu")


@pytest.fixture
def open_backend(checkpoint: Path, tmp_path: Path):
    @asynccontextmanager
    async def open_it(devices: tuple[str, ...]) -> AsyncIterator[InProcessBackend]:
        config = EngineConfig(
            model=str(checkpoint),
            devices=devices,
            workers="processes",
            quantization="int8",
            kv_cache_tokens=65_536,
        )
        backend = InProcessBackend(config, partial(load_faulty, tmp_path))
        await backend.start()
        try:
            yield backend
        finally:
            await backend.aclose(0)

    return open_it


async def collect(backend: InProcessBackend, request) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110 - a status has no event
            await asyncio.sleep(0.01)


def running(backend: InProcessBackend) -> list[int]:
    return [worker.running for worker in backend.status().workers]


@pytest.mark.parametrize("fault", [ILLEGAL_ACCESS, KILL])
async def test_a_device_that_breaks_costs_only_what_it_was_streaming(
    open_backend, make_request, devices, tmp_path: Path, fault: str
) -> None:
    async with open_backend(devices) as backend:
        blocks = [worker.kv_total for worker in backend.status().workers]
        streams = []
        while min(running(backend)) == 0:  # at least one on each device
            user = str(len(streams))
            streams.append(backend.generate(make_request(user, fairness_key=user, max_tokens=LONG)))
            while not (await anext(streams[-1])).text:
                pass
        victims = running(backend)[0]
        break_next(tmp_path, devices[0], fault)
        requests = [
            make_request(f"question {number}", fairness_key=str(number), max_tokens=SHORT)
            for number in range(16)
        ]
        responses = await asyncio.gather(*(collect(backend, request) for request in requests))
        assert is_broken(tmp_path, devices[0])
        assert [response[-1].usage.completion_tokens for response in responses] == [SHORT] * 16
        ends = await asyncio.gather(*(last(stream) for stream in streams), return_exceptions=True)
        assert sum(isinstance(end, Exception) for end in ends) == victims
        assert ends.count("length") == len(streams) - victims
        await until(lambda: all(worker.healthy for worker in backend.status().workers))
        assert [worker.kv_total for worker in backend.status().workers] == blocks
        again = [collect(backend, request) for request in requests]
        for response in await asyncio.gather(*again):
            assert response[-1].usage.completion_tokens == SHORT
        assert all(
            (each.running, each.waiting, each.kv_used) == (0, 0, 0) for each in backend.status().workers
        )


async def last(stream) -> str | None:
    return [delta async for delta in stream][-1].finish_reason


async def test_this_process_uses_no_device(open_backend, make_request, devices) -> None:
    """Another process would have half a gigabyte less of it."""
    was_used = torch.cuda.is_initialized()
    async with open_backend(devices) as backend:
        pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
        with_picture = make_request(
            messages=(Message("user", (Image(pixels), Text("what is it?"))),), max_tokens=SHORT
        )
        assert (await collect(backend, with_picture))[-1].usage.completion_tokens == SHORT
        (load, *_) = backend.device_loads()
        assert load.device == "cuda:0"
        assert 0 < load.memory_used_bytes < load.memory_total_bytes
    assert torch.cuda.is_initialized() == was_used
