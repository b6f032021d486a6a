"""The backend that runs the model itself, on threads of this process."""

import gc
import os
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import torch

from inference.backend import BackendStatus, DeltaStream, DeviceLoad, ModelCard
from inference.backends.speech_recognition import SpeechRecognition, has_recording
from inference.config import EngineConfig
from inference.engine.device_load import measure_device
from inference.engine.engine import Engine, LoadedModel
from inference.engine.speech_engine import LoadedRecogniser, SpeechEngine
from inference.engine.warm_up import warm_up
from inference.errors import BackendUnavailable, InvalidCheckpoint, InvalidConfiguration
from inference.loading.recogniser import load_recogniser
from inference.loading.registry import load_model
from inference.pool import Pool
from inference.types import Delta, GenerationRequest

LoadModel = Callable[[str, str, str, bool], LoadedModel]  # model, device, quantization, quantize_head
LoadRecogniser = Callable[[str, str], LoadedRecogniser]  # model, device


class InProcessBackend:
    """See `Backend`. Loads and runs one replica of the model on each device.

    Where the model cannot hear, a speech-recognition model on the first device, if there is one,
    turns recordings into words for it.
    """

    def __init__(
        self,
        config: EngineConfig,
        load: LoadModel = load_model,
        load_speech: LoadRecogniser = load_recogniser,
    ) -> None:
        self._config = config
        self._load = load
        self._load_speech = load_speech
        self._model_card: ModelCard | None = None
        self._is_closing = False
        devices = resolve_devices(config.devices)
        self._pool = Pool(devices, self._make_engine, config.max_waiting_requests)
        self._speech: SpeechRecognition | None = None
        if config.speech_recognition_model is not None:
            self._speech = SpeechRecognition(
                Pool(devices[:1], self._make_speech_engine, config.max_waiting_requests)
            )

    @property
    def model_card(self) -> ModelCard:
        if self._model_card is None:
            raise BackendUnavailable("the model is not loaded yet")
        return self._model_card

    async def start(self) -> None:
        """The speech-recognition model first: the cache takes what memory is left.

        Leaves nothing behind when it fails, as a pool does.
        """
        if self._speech is not None:
            await self._speech.start()
        try:
            model_card = await self._pool.start()
        except BaseException:
            if self._speech is not None:
                await self._speech.aclose(0)
            raise
        if self._speech is not None:
            if "audio" in model_card.modalities:
                speech, self._speech = self._speech, None
                await speech.aclose(0)
            model_card = replace(model_card, modalities=model_card.modalities | {"audio"})
        self._model_card = model_card
        if any(worker.device.startswith("cuda") for worker in self._pool.status().workers):
            _freeze_objects()

    def generate(self, request: GenerationRequest) -> DeltaStream:
        if self._is_closing:
            return _refuse()
        if self._speech is None or not has_recording(request):
            return self._pool.generate(request)
        if request.task == "transcribe":
            return self._speech.transcribe(request)
        return self._speech.answer(request, self._pool)

    def status(self) -> BackendStatus:
        status = self._pool.status()
        if self._speech is None:
            return status
        return replace(status, speech_workers=self._speech.status().workers)

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        loads = (measure_device(worker.worker, worker.device) for worker in self.status().workers)
        return tuple(load for load in loads if load is not None)

    async def aclose(self, drain_seconds: float) -> None:
        """What is being heard goes on to the model, which is therefore closed last."""
        self._is_closing = True
        started_at = time.monotonic()
        if self._speech is not None:
            await self._speech.aclose(drain_seconds)
        await self._pool.aclose(max(0.0, drain_seconds - (time.monotonic() - started_at)))

    def _make_engine(self, device: str) -> Engine:
        """Runs in the worker's thread."""
        config = self._config
        prepare_thread(device)
        try:
            model = self._load(config.model, device, config.quantization, config.quantize_head)
            warm_up(model, torch.device(device))
            return Engine(model, torch.device(device), config)
        except torch.OutOfMemoryError as error:
            raise _too_large(device) from error

    def _make_speech_engine(self, device: str) -> SpeechEngine:
        """Runs in the worker's thread."""
        assert self._config.speech_recognition_model is not None
        prepare_thread(device)
        return SpeechEngine(self._load_speech(self._config.speech_recognition_model, device))


def _freeze_objects() -> None:
    """Spares later collections of garbage what the start has made, hundreds of thousands of objects: each
    took 0.2 to 0.4 s, in which a GPU makes thousands of tokens that nobody hands out.
    """
    gc.collect()
    gc.freeze()


def _too_large(device: str) -> InvalidCheckpoint:
    memory = f"memory of {device}"
    if device.startswith("cuda"):
        free_bytes, total_bytes = torch.cuda.mem_get_info(device)
        memory = f"{total_bytes / 2**30:.1f} GiB of {device}, of which {free_bytes / 2**30:.1f} are free"
    return InvalidCheckpoint(
        f"The model and what it needs to run do not fit the {memory}: quantise it to int8, or take a "
        "device with more memory."
    )


async def _refuse() -> AsyncGenerator[Delta, None]:
    """Not when it is made but when it is asked, as every answer does."""
    raise BackendUnavailable("the backend is closing")
    yield Delta()  # type: ignore[unreachable] # it makes this a generator


def prepare_thread(device: str) -> None:
    """Sets a worker's current device, or how many more threads its operations use."""
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    elif device == "cpu":
        torch.set_num_threads(threads_for(count_cores()))


def resolve_devices(devices: tuple[str, ...]) -> tuple[str, ...]:
    """Replaces "auto" by every CUDA device, or the CPU where there is none, and "cuda" by the first one.

    Raises `InvalidConfiguration`.
    """
    cuda_devices = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    if "auto" in devices:
        return cuda_devices or ("cpu",)
    known = ("cpu", *cuda_devices)
    resolved = tuple("cuda:0" if device == "cuda" else device for device in devices)
    for device in resolved or ("",):
        if device not in known:
            raise InvalidConfiguration(
                f"There is no device {device!r} for the model here; name {' or '.join(known)}, or auto."
            )
    return resolved


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
