"""A model whose layers several devices share responds as on one device, to the last token."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.errors import InvalidConfiguration
from inference.types import Delta, GenerationRequest, Image, Message, Text

from ..conftest import require_cuda
from ..test_cuda import KERNEL_SIZES
from ..tiny_checkpoints import edit_json, write_glm4v

pytestmark = pytest.mark.anyio

USERS = 12
CUDA = ("cuda:0", "cuda:1")
SAMPLINGS = (
    {},
    {"temperature": 0.8, "seed": 1},
    {"temperature": 0.7, "seed": 2, "top_p": 0.8, "top_k": 40},
    {"temperature": 0.9, "seed": 3, "frequency_penalty": 0.5},
)


@pytest.fixture(scope="module", params=["reference", pytest.param("kernels", marks=pytest.mark.cuda)])
def checkpoint(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """One that the decoder's own forward computes, and one that graphs of kernels do on a GPU."""
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "kernels":
        require_cuda(1)
        write_glm4v(directory, torch.bfloat16, **KERNEL_SIZES, num_hidden_layers=5)
    else:
        write_glm4v(directory, num_hidden_layers=5)
    edit_json(directory / "generation_config.json", eos_token_id=[1_000_000])  # no response ends by chance
    return directory


@pytest.fixture
def open_backend(checkpoint: Path):
    @asynccontextmanager
    async def open_it(devices: tuple[str, ...], **config: object) -> AsyncIterator[InProcessBackend]:
        defaults = {"model": str(checkpoint), "kv_cache_tokens": 16_384, "quantization": "int8"}
        backend = InProcessBackend(EngineConfig(devices=devices, **(defaults | config)))
        await backend.start()
        try:
            yield backend
        finally:
            await backend.aclose(0)

    return open_it


@pytest.fixture
def requests(make_request) -> list[GenerationRequest]:
    made = [
        make_request(
            f"{number} " + "words " * (7 * number), max_tokens=24, fairness_key=str(number), **sampling
        )
        for number, sampling in zip(range(USERS), SAMPLINGS * USERS, strict=False)
    ]
    pixels = np.random.default_rng(0).integers(0, 256, (112, 140, 3), dtype=np.uint8)
    made.append(
        make_request(messages=(Message("user", (Image(pixels), Text("what is it?"))),), max_tokens=24)
    )
    return made


async def collect(backend: InProcessBackend, request: GenerationRequest) -> list[Delta]:
    return [delta async for delta in backend.generate(request)]


async def alone(backend: InProcessBackend, requests: list[GenerationRequest]) -> list[str]:
    """One after the other, so that every step has the same rows on one device and on several."""
    responses = [await collect(backend, request) for request in requests]
    return ["".join(delta.text for delta in response) for response in responses]


@pytest.mark.parametrize(
    "devices",
    [
        ("cpu", "cpu"),
        ("cpu",) * 5,
        pytest.param(CUDA, marks=pytest.mark.cuda),
        pytest.param(CUDA[:1] * 2, marks=pytest.mark.cuda),
    ],
    ids=["two CPUs", "a CPU for each layer", "two GPUs", "one GPU twice"],
)
async def test_a_split_model_responds_as_a_whole_one(
    open_backend, requests, devices: tuple[str, ...]
) -> None:
    is_gpu = devices[0] in CUDA
    if is_gpu:
        require_cuda(len(set(devices)))
    async with open_backend(devices[:1]) as backend:
        expected = await alone(backend, requests)
        card, whole = backend.model_card, backend.status().workers[0]
    async with open_backend(devices, placement="split") as backend:
        (worker,) = backend.status().workers
        assert worker.device == ",".join(devices)
        assert worker.kv_total == whole.kv_total
        assert backend.model_card.name == card.name
        assert await alone(backend, requests) == expected
        together = await asyncio.gather(*(collect(backend, request) for request in requests))
        texts = ["".join(delta.text for delta in response) for response in together]
        if not is_gpu:  # sums in another batch are the same on a CPU
            assert texts == expected
        assert all(response[-1].usage.completion_tokens == 24 for response in together)
        assert backend.status().workers[0].kv_used == 0
        loads = backend.device_loads()
        assert tuple(load.device for load in loads) == (devices if is_gpu else ())
    assert len(set(expected)) == len(expected)


async def test_more_devices_than_layers_are_refused(open_backend) -> None:
    with pytest.raises(InvalidConfiguration, match="5 layers cannot be split over 6 devices"):
        async with open_backend(("cpu",) * 6, placement="split"):
            pass


async def test_a_gpu_and_a_cpu_cannot_share_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InvalidConfiguration, match="cuda:0, cpu cannot share a model"):
        InProcessBackend(EngineConfig(devices=("cuda:0", "cpu"), placement="split"))
