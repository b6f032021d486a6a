"""The backend that runs the model on the devices of this machine, each in a thread or a process."""

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from inference.backend import DeltaStream, refuse_while_closing
from inference.backends.speech_recognition import SpeechRecognition
from inference.config import EngineConfig
from inference.devices import (
    check_split,
    is_gpu,
    measure_load,
    measure_memory,
    names_of,
    prepare_thread,
    resolve_devices,
)
from inference.engine.engine import Engine
from inference.engine.language_model import LanguageModel
from inference.engine.speech_engine import SpeechEngine, SpeechModel
from inference.engine.warm_up import warm_up
from inference.errors import BackendUnavailable, InvalidCheckpoint
from inference.loading.checkpoint import fetch
from inference.loading.recogniser import load_recogniser
from inference.loading.registry import load_model
from inference.model_card import ModelCard
from inference.pool import Pool
from inference.status import BackendStatus, DeviceLoad
from inference.types import GenerationRequest
from inference.workers.process_worker import ProcessWorker
from inference.workers.thread_worker import ThreadWorker
from inference.workers.worker import MakeWorker, Steppable, Worker, WorkerListener

# Takes model, device, quantization, quantize_head; `more_devices` by name, if devices share the layers.
LoadModel = Callable[..., LanguageModel]
LoadRecogniser = Callable[[str, str], SpeechModel]  # model, device

GPU_PATIENCE_SECONDS = 60.0  # a step of a GPU that takes longer never ends
CPU_PATIENCE_SECONDS = 600.0  # no request may take longer


class InProcessBackend:
    """See `Backend`. Loads and runs one replica of the model on each device, or one on all of them. With
    workers in processes, `load` and `load_speech` are pickled.

    If the model has no audio tower and a speech-recognition model is configured, that one runs on the first
    device and transcribes recordings for it.
    """

    def __init__(
        self,
        config: EngineConfig,
        load: LoadModel = load_model,
        load_speech: LoadRecogniser = load_recogniser,
    ) -> None:
        self._config = config
        self._model_card: ModelCard | None = None
        self._is_closing = False
        devices = resolve_devices(config.devices)
        places = devices
        if config.placement == "split":
            check_split(devices)
            places = (",".join(devices),)
        make_worker = _worker_maker(config, partial(make_engine, config, load))
        self._pool = Pool(
            places,
            make_worker,
            config.max_waiting_requests,
            running_per_worker=config.max_running_requests,
        )
        self._speech: SpeechRecognition | None = None
        if config.speech_recognition_model is not None:
            self._speech = SpeechRecognition(make_speech_pool(config, load_speech))

    @property
    def model_card(self) -> ModelCard:
        if self._model_card is None:
            raise BackendUnavailable("the model is not loaded yet")
        return self._model_card

    async def start(self) -> None:
        """Loads the speech-recognition model first, because the model's cache takes the remaining memory.

        If loading fails, all workers have ended when it raises.
        """
        if self._config.workers == "processes":  # which use no network
            for model in (self._config.model, self._config.speech_recognition_model):
                if model is not None:
                    await asyncio.to_thread(fetch, model)
        ears = await self._speech.start() if self._speech is not None else None
        try:
            model_card = await self._pool.start()
        except BaseException:
            if self._speech is not None:
                await self._speech.aclose(0)
            raise
        if self._speech is not None and ears is not None:
            if "audio" in model_card.modalities:
                speech, self._speech = self._speech, None
                await speech.aclose(0)
            else:
                modalities = model_card.modalities | {"audio"}
                model_card = replace(model_card, modalities=modalities, speech_fit=ears.speech_fit)
        if self._config.model_name is not None:
            model_card = replace(model_card, name=self._config.model_name)
        self._model_card = model_card
        is_here = self._config.workers == "threads"
        if is_here and any(is_gpu(names_of(worker.device)[0]) for worker in self.status().workers):
            _freeze_objects()

    def generate(self, request: GenerationRequest) -> DeltaStream:
        if self._is_closing:
            return refuse_while_closing()
        if self._speech is None:
            return self._pool.generate(request)
        return self._speech.respond(request, self._pool)

    def status(self) -> BackendStatus:
        status = self._pool.status()
        if self._speech is None:
            return status
        return replace(status, speech_workers=self._speech.status().workers)

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        workers = self.status().workers
        loads = (measure_load(each.worker, name) for each in workers for name in names_of(each.device))
        return tuple(load for load in loads if load is not None)

    async def aclose(self, drain_seconds: float) -> None:
        """Closes the model last, because requests continue there after their recordings are transcribed."""
        self._is_closing = True
        started_at = time.monotonic()
        if self._speech is not None:
            await self._speech.aclose(drain_seconds)
        await self._pool.aclose(max(0.0, drain_seconds - (time.monotonic() - started_at)))


def make_speech_pool(config: EngineConfig, load: LoadRecogniser = load_recogniser) -> Pool:
    """Of the speech-recognition model, which runs on the first device."""
    make_worker = _worker_maker(config, partial(make_speech_engine, config, load))
    return Pool(resolve_devices(config.devices)[:1], make_worker, config.max_waiting_requests)


def make_engine(config: EngineConfig, load: LoadModel, device: str) -> Engine:
    """Runs in the worker's thread. `device` may be several, joined with commas."""
    first, *others = names_of(device)
    prepare_thread(first)
    more = {"more_devices": tuple(others)} if others else {}
    try:
        model = load(config.model, first, config.quantization, config.quantize_head, **more)
        warm_up(model, torch.device(first))
        engine = Engine(model, torch.device(first), config)
    except torch.OutOfMemoryError as error:
        raise _too_large(names_of(device)) from error
    engine.prepare_grammars()
    return engine


def make_speech_engine(config: EngineConfig, load: LoadRecogniser, device: str) -> SpeechEngine:
    """Runs in the worker's thread."""
    assert config.speech_recognition_model is not None
    prepare_thread(device)
    return SpeechEngine(load(config.speech_recognition_model, device))


def _worker_maker(config: EngineConfig, make: Callable[[str], Steppable]) -> MakeWorker:
    """`make` takes the device."""

    def make_worker(name: str, device: str, listener: WorkerListener) -> Worker:
        make_here = partial(make, device)
        if config.workers == "threads":
            return ThreadWorker(name, device, make_here, listener)
        patience_seconds = GPU_PATIENCE_SECONDS if is_gpu(names_of(device)[0]) else CPU_PATIENCE_SECONDS
        return ProcessWorker(name, device, make_here, listener, patience_seconds)

    return make_worker


def _freeze_objects() -> None:
    """Excludes the hundreds of thousands of objects of the start from later garbage collections.

    Each collection took 0.2 to 0.4 s, in which a GPU computes thousands of tokens that are not sent.
    """
    gc.collect()
    gc.freeze()


def _too_large(devices: tuple[str, ...]) -> InvalidCheckpoint:
    memory = f"memory of {' and '.join(devices)}"
    if is_gpu(devices[0]):
        found = [(device, measure_memory(device)) for device in devices]
        memory = " and ".join(
            f"{each.total_bytes / 2**30:.1f} GiB of {device}, of which {each.free_bytes / 2**30:.1f} are free"
            for device, each in found
        )
    return InvalidCheckpoint(
        f"The model and what it needs to run do not fit the {memory}: quantise it to int8, or take a "
        "device with more memory."
    )
