"""The seam between gateway and model: whatever serves requests looks like this.

Implementations live in `inference/backends/`; all of them pass
`tests/inference/backends/test_contract.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Protocol

from inference.types import Delta, GenerationRequest


@dataclass(frozen=True, slots=True)
class ImageFit:
    """The sizes in which the model takes pictures, so that larger ones are shrunk where they are decoded.

    `size(height, width)` returns the (height, width) that an upright picture is resized to; no result
    has more than `max_pixels`.
    """

    max_pixels: int
    size: Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the loaded model is called and what it takes. Lengths are in tokens."""

    name: str
    context_length: int
    modalities: frozenset[str]  # of "text", "image", "audio"
    created: int = 0  # Unix seconds
    image_fit: ImageFit | None = None  # None: pictures are taken as they are


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One device's state. `kv_used` and `kv_total` count cache blocks."""

    worker: str
    device: str
    healthy: bool
    running: int
    waiting: int
    kv_used: int
    kv_total: int


@dataclass(frozen=True, slots=True)
class DeviceLoad:
    """An accelerator as its driver sees it, other processes included. `utilization` is 0 to 1, or unknown."""

    worker: str
    device: str
    memory_used_bytes: int
    memory_total_bytes: int
    utilization: float | None


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """`speech_workers` transcribe for a model that cannot hear, whose `workers` are."""

    workers: tuple[WorkerStatus, ...]
    speech_workers: tuple[WorkerStatus, ...] = ()

    @property
    def is_ready(self) -> bool:
        return any(worker.healthy for worker in self.workers)

    @property
    def running(self) -> int:
        return sum(worker.running for worker in (*self.workers, *self.speech_workers))

    @property
    def waiting(self) -> int:
        return sum(worker.waiting for worker in (*self.workers, *self.speech_workers))


class DeltaStream(Protocol):
    """The deltas of one generation. Whoever asked for it closes it, whatever happened."""

    def __aiter__(self) -> AsyncIterator[Delta]: ...

    def __anext__(self) -> Awaitable[Delta]: ...

    def aclose(self) -> Coroutine[object, object, None]: ...


class Backend(Protocol):
    """Created by `inference.build.build_backend`, started and closed by `app/lifespan.py`.

    Every method is called from the event loop's thread.
    """

    @property
    def model_card(self) -> ModelCard:
        """Valid after `start`."""
        ...

    async def start(self) -> None:
        """Loads the model. Raises `InvalidCheckpoint`."""
        ...

    def generate(self, request: GenerationRequest) -> DeltaStream:
        """Yields an empty Delta when the engine has begun, then text, then one with the finish reason.

        Raises, before the first Delta: `PromptTooLong`, `UnsupportedModality`, `QueueFull`,
        `BackendUnavailable`; at any time: `GenerationFailed`. Closing the iterator (`aclose`) aborts
        the generation at the next step and frees what it held; when `aclose` returns, nothing of the
        request is left. A passed deadline ends it with `finish_reason="deadline"`, also while it waits.
        """
        ...

    def status(self) -> BackendStatus: ...

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        """Of the accelerators that workers own; empty where there are none. Asks their drivers: a
        millisecond each, so for a scrape and not for every request."""
        ...

    async def aclose(self, drain_seconds: float) -> None:
        """Refuses new requests, lets running ones finish for `drain_seconds`, then aborts them."""
        ...
