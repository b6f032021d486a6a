"""The backend that runs the model itself, on threads of this process."""

import os
from collections.abc import Callable

import torch

from inference.backend import BackendStatus, DeltaStream, DeviceLoad, ModelCard
from inference.config import EngineConfig
from inference.engine.device_load import measure_device
from inference.engine.engine import Engine, LoadedModel
from inference.errors import BackendUnavailable
from inference.loading.registry import load_model
from inference.pool import Pool
from inference.types import GenerationRequest

LoadModel = Callable[[str, str, str, bool], LoadedModel]  # model, device, quantization, quantize_head


class InProcessBackend:
    """See `Backend`. Loads and runs one replica of the model on each device."""

    def __init__(self, config: EngineConfig, load: LoadModel = load_model) -> None:
        self._config = config
        self._load = load
        self._model_card: ModelCard | None = None
        self._pool = Pool(resolve_devices(config.devices), self._make_engine, config.max_waiting_requests)

    @property
    def model_card(self) -> ModelCard:
        if self._model_card is None:
            raise BackendUnavailable("the model is not loaded yet")
        return self._model_card

    async def start(self) -> None:
        self._model_card = await self._pool.start()

    def generate(self, request: GenerationRequest) -> DeltaStream:
        return self._pool.generate(request)

    def status(self) -> BackendStatus:
        return self._pool.status()

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        loads = (measure_device(worker.worker, worker.device) for worker in self.status().workers)
        return tuple(load for load in loads if load is not None)

    async def aclose(self, drain_seconds: float) -> None:
        await self._pool.aclose(drain_seconds)

    def _make_engine(self, device: str) -> Engine:
        """Runs in the worker's thread, whose current device it sets."""
        if device.startswith("cuda"):
            torch.cuda.set_device(device)
        elif device == "cpu":
            torch.set_num_threads(threads_for(count_cores()))
        config = self._config
        model = self._load(config.model, device, config.quantization, config.quantize_head)
        return Engine(model, torch.device(device), config)


def resolve_devices(devices: tuple[str, ...]) -> tuple[str, ...]:
    """Replaces "auto" by every CUDA device, or the CPU where there is none, and "cuda" by the first one."""
    if "auto" not in devices:
        return tuple("cuda:0" if device == "cuda" else device for device in devices)
    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count())) or ("cpu",)


def threads_for(cores: int) -> int:
    """Half of the cores; the others are the event loop's and the media decoders'.

    OpenMP's threads wait for each other at every operation: when one of them has lost its core, a step
    takes ten times as long (measured on two busy cores: over 1 s with two threads, 0.1 s with one).
    """
    return max(1, cores // 2)


def count_cores() -> int:
    """Of this process, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
