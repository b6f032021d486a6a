"""The real engine on CUDA devices through the backend: one replica per device, and every way to end."""

import asyncio
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.errors import GenerationFailed
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.types import Delta, Image, Message, Text

from .tiny_checkpoints import edit_json, write_glm4v

pytestmark = [pytest.mark.anyio, pytest.mark.cuda]

USERS = 32
ALLOCATOR_BYTES = 8 << 20  # less than a cache, more than rounding up


class WorkerKilled(BaseException):
    """Not an Exception, so that the engine does not catch it."""


class Gate:
    """Blocks the decoders' prefills until it is opened. Each prefill then meets the next fault, if any."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.is_open.set()
        self.faults: Iterator[Callable[[], None]] = iter(())

    def __call__(self, *_: object) -> None:
        assert self.is_open.wait(30)
        fault = next(self.faults, None)
        if fault is not None:
            fault()

    def load(self, model: str, device: str, quantization: str, quantize_head: bool) -> LoadedModel:
        loaded = load_model(model, device, quantization, quantize_head)
        loaded.decoder.embed_tokens.register_forward_pre_hook(self)  # every prefill embeds its tokens
        return loaded


def kill() -> None:
    raise WorkerKilled


def fail() -> None:
    raise RuntimeError("an operation failed")


def run_out_of_memory() -> None:
    torch.empty(1 << 50, dtype=torch.uint8, device="cuda:0")


KERNEL_SIZES = {  # that the fast kernels support
    "vocab_size": 320,
    "hidden_size": 256,
    "intermediate_size": 192,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 10_000.0,
        "partial_rotary_factor": 0.5,
        "mrope_section": [4, 6, 6],
    },
}


@pytest.fixture(scope="module", params=["reference", "kernels"])
def checkpoint(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """One that the decoder's own forward computes, and one that graphs of kernels do."""
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "kernels":
        write_glm4v(directory, torch.bfloat16, **KERNEL_SIZES)
    else:
        write_glm4v(directory)
    edit_json(directory / "generation_config.json", eos_token_id=[1_000_000])  # no response ends by chance
    return directory


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def open_backend(checkpoint: Path, gate: Gate):
    @asynccontextmanager
    async def open_it(devices: tuple[str, ...], **config: object) -> AsyncIterator[InProcessBackend]:
        defaults = {"model": str(checkpoint), "kv_cache_tokens": 16_384, "quantization": "int8"}
        engine_config = EngineConfig(devices=devices, **(defaults | config))
        backend = InProcessBackend(engine_config, gate.load)
        await backend.start()
        try:
            yield backend
        finally:
            gate.is_open.set()
            await backend.aclose(0)

    return open_it


async def collect(backend: InProcessBackend, request) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


def agree(found: list[str], expected: list[str], checkpoint: Path) -> bool:
    """Exactly with the decoder's own forward, in 32 bits.

    In 16 bits a row's sums depend on the bucket, and random weights amplify it: there a quarter of all texts
    is equal before the first letter that differs.
    """
    if "kernels" not in checkpoint.name:
        return found == expected
    same = 0
    for ours, theirs in zip(found, expected, strict=True):
        pairs = enumerate(zip(ours, theirs, strict=False))
        same += next((index for index, (a, b) in pairs if a != b), len(theirs))
    return same > sum(map(len, expected)) / 4


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a status has no event
            await asyncio.sleep(0)


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def loads(backend: InProcessBackend) -> list[int]:
    return [worker.running + worker.waiting for worker in backend.status().workers]


def is_idle(backend: InProcessBackend) -> bool:
    return all((each.running, each.waiting, each.kv_used) == (0, 0, 0) for each in backend.status().workers)


def with_picture(number: int) -> tuple[Message, ...]:
    pixels = np.random.default_rng(number).integers(0, 256, (60 + number, 90, 3), dtype=np.uint8)
    return (Message("user", (Image(pixels), Text(f"what is in picture {number}?"))),)


async def test_every_device_is_busy_and_responds_as_one_alone(
    open_backend, make_request, gate, cuda_devices, checkpoint
) -> None:
    requests = [
        make_request(messages=with_picture(number), fairness_key=str(number), max_tokens=24)
        for number in range(USERS)
    ]
    async with open_backend(("cuda:0",), max_running_requests=1) as alone:
        expected = [text_of(await collect(alone, request)) for request in requests]
    async with open_backend(cuda_devices) as backend:
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(backend, request)) for request in requests]
        await until(lambda: sum(loads(backend)) == USERS)
        assert min(loads(backend)) >= USERS // len(cuda_devices) // 2
        gate.is_open.set()
        responses = await asyncio.gather(*tasks)
        assert agree([text_of(response) for response in responses], expected, checkpoint)
        assert len(set(expected)) > USERS / 2
        assert is_idle(backend)


async def test_the_cache_is_on_the_workers_own_device(open_backend, cuda_devices) -> None:
    async with open_backend(cuda_devices):
        pass  # cuBLAS keeps a workspace on each device from its first use on
    gc.collect()
    before = [torch.cuda.memory_allocated(device) for device in cuda_devices]
    async with open_backend(cuda_devices):
        after = [torch.cuda.memory_allocated(device) for device in cuda_devices]
        grown = [end - start for start, end in zip(before, after, strict=True)]
        assert min(grown) > 16_384 * 3 * 2 * 2 * 16 * 4
        assert max(grown) - min(grown) < ALLOCATOR_BYTES


async def test_garbage_collections_skip_the_objects_of_the_start(open_backend, cuda_devices) -> None:
    gc.unfreeze()
    async with open_backend(cuda_devices):
        assert gc.get_freeze_count() > 100_000
    gc.unfreeze()


async def test_every_device_reports_its_memory_and_utilization(open_backend, cuda_devices) -> None:
    async with open_backend(cuda_devices) as backend:
        measured = backend.device_loads()
        assert tuple(load.device for load in measured) == cuda_devices
        for load in measured:
            assert torch.cuda.memory_allocated(load.device) < load.memory_used_bytes < load.memory_total_bytes
            assert load.utilization is None or 0 <= load.utilization <= 1


async def test_an_abandoned_response_frees_its_blocks(open_backend, make_request, cuda_devices) -> None:
    async with open_backend(cuda_devices) as backend:
        for number in range(8):
            response = backend.generate(make_request(fairness_key=str(number), max_tokens=500))
            while not (await anext(response)).text:
                pass
            await response.aclose()
        assert is_idle(backend)


async def test_a_deadline_ends_a_response_while_it_streams(open_backend, make_request, cuda_devices) -> None:
    async with open_backend(cuda_devices) as backend:
        await collect(backend, make_request(max_tokens=2))
        requests = [
            make_request(fairness_key=str(number), max_tokens=900, deadline=time.monotonic() + 0.05)
            for number in range(4)
        ]
        responses = await asyncio.gather(*(collect(backend, request) for request in requests))
        assert {response[-1].finish_reason for response in responses} == {"deadline"}
        assert is_idle(backend)


async def test_a_killed_worker_is_restarted_with_as_much_memory_and_replays(
    open_backend, make_request, gate, cuda_devices, checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        logging.getLogger("inference.workers.thread_worker"), "disabled", True
    )  # pytest keeps log records
    async with open_backend(cuda_devices) as backend:
        requests = [
            make_request(f"question {number}", fairness_key=str(number), max_tokens=8) for number in range(16)
        ]
        expected = [text_of(await collect(backend, request)) for request in requests]
        allocated = [torch.cuda.memory_allocated(device) for device in cuda_devices]
        blocks = [worker.kv_total for worker in backend.status().workers]
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(backend, request)) for request in requests]
        await until(lambda: sum(loads(backend)) == 16)
        gate.faults = iter([kill])
        gate.is_open.set()
        assert agree([text_of(response) for response in await asyncio.gather(*tasks)], expected, checkpoint)
        await until(lambda: all(worker.healthy for worker in backend.status().workers))
        assert [worker.kv_total for worker in backend.status().workers] == blocks
        for device, bytes_before in zip(cuda_devices, allocated, strict=True):
            assert torch.cuda.memory_allocated(device) < bytes_before + ALLOCATOR_BYTES
        assert is_idle(backend)


async def test_a_failure_on_the_device_fails_its_request_alone(
    open_backend, make_request, gate, cuda_devices
) -> None:
    async with open_backend(cuda_devices) as backend:
        expected = text_of(await collect(backend, make_request("hello")))
        gate.faults = iter([fail])
        with pytest.raises(GenerationFailed):
            await collect(backend, make_request("hello"))
        assert text_of(await collect(backend, make_request("hello"))) == expected
        assert is_idle(backend)


async def test_no_request_fails_when_memory_runs_out_once(
    open_backend, make_request, gate, cuda_devices
) -> None:
    async with open_backend(cuda_devices) as backend:
        expected = text_of(await collect(backend, make_request("hello")))
        gate.faults = iter([run_out_of_memory])
        assert text_of(await collect(backend, make_request("hello"))) == expected
        assert next(gate.faults, None) is None
        assert is_idle(backend)
