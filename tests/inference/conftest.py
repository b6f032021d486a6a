"""Requests, and engines over a fake model."""

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
import torch

from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.engine.outcome import Event
from inference.types import GenerationRequest, Message, SamplingParams, Text

from .fake_model import DigestDecoder, EchoDecoder, FakeModel

DEVICES = ("cpu", pytest.param("cuda:0", marks=pytest.mark.cuda))

MakeRequest = Callable[..., GenerationRequest]
MakeModel = Callable[..., FakeModel]
MakeEngine = Callable[..., Engine]
RunAll = Callable[..., dict[int, list[Event]]]


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    """Tests run in parallel processes, in which several threads took twenty times as long."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """The device of a test: the CPU, then the first CUDA device if there is one."""
    device: str = request.param
    if device.startswith("cuda"):
        require_cuda(1)
    return device


@pytest.fixture(params=[1, 2], ids=["one device", "two devices"])
def cuda_devices(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """For tests marked `cuda`."""
    require_cuda(request.param)
    return tuple(f"cuda:{index}" for index in range(request.param))


def require_cuda(count: int) -> None:
    """Skips if there are fewer devices. Sets products in 32 bits to 32 bits instead of TF32."""
    if torch.cuda.device_count() < count:
        pytest.skip(f"needs {count} CUDA devices")
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Objects that are freed without it were in no reference cycle."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def no_log_records() -> Iterator[None]:
    """pytest keeps every log record, with its traceback and all objects of the frames."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def make_request() -> MakeRequest:
    """A greedy request for one user message; keyword arguments are the request's or the sampling's."""

    def make(text: str = "hello", **fields: object) -> GenerationRequest:
        sampling = {"temperature": 0.0, "max_tokens": 64}
        names = SamplingParams.__dataclass_fields__
        sampling |= {name: fields.pop(name) for name in tuple(fields) if name in names}
        fields.setdefault("messages", (Message("user", (Text(text),)),))
        fields.setdefault("request_id", "request")
        return GenerationRequest(sampling_params=SamplingParams(**sampling), **fields)

    return make


@pytest.fixture
def make_model() -> MakeModel:
    """ "echo" repeats the prompt's text; "digest" draws from wide distributions over all bytes."""

    def make(kind: Literal["echo", "digest"] = "echo") -> FakeModel:
        return FakeModel(EchoDecoder() if kind == "echo" else DigestDecoder())

    return make


@pytest.fixture
def make_engine(device: str) -> MakeEngine:
    """An engine with small blocks; keyword arguments are EngineConfig's. The clock does not advance."""

    def make(
        model: FakeModel | None = None, clock: Callable[[], float] = lambda: 0.0, **config: object
    ) -> Engine:
        defaults = {"block_size": 4, "kv_cache_tokens": 4096, "chunk_tokens": 64}
        engine_config = EngineConfig(**(defaults | config))
        return Engine(model or FakeModel(), torch.device(device), engine_config, clock)

    return make


@pytest.fixture
def run_all() -> RunAll:
    """Adds requests under the keys 0, 1, 2, … and steps to the end; returns each one's events."""

    def run(
        engine: Engine, requests: list[GenerationRequest], max_steps: int = 5000
    ) -> dict[int, list[Event]]:
        responses: dict[int, list[Event]] = {}
        for key, request in enumerate(requests):
            engine.add(key, request)
        for _ in range(max_steps):
            if not engine.has_work:
                return responses
            for key, event in engine.step():
                responses.setdefault(key, []).append(event)
        raise AssertionError("the engine does not come to an end")

    return run
