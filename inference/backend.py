"""The interface between gateway and model: every backend implements `Backend`.

Implementations are in `inference/backends/`. All of them pass `tests/inference/backends/test_contract.py`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Coroutine
from typing import Protocol

from inference.errors import BackendUnavailable
from inference.model_card import ModelCard
from inference.status import BackendStatus, DeviceLoad
from inference.types import Delta, GenerationRequest


class DeltaStream(Protocol):
    """The deltas of one generation. The caller of `generate` closes it in every case."""

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
        `BackendUnavailable`; at any time: `GenerationFailed`. Closing the iterator (`aclose`) aborts the
        generation at the next step and frees its memory and its place in the queue; when `aclose` returns,
        both are free, unless a worker still does not respond two seconds after the deadline. A deadline that
        passes, in the queue too, ends the generation with `finish_reason="deadline"`.
        """
        ...

    def status(self) -> BackendStatus: ...

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        """The accelerators of the workers; empty where there are none. Queries their drivers, a millisecond
        each: call it for a scrape, not for every request."""
        ...

    async def aclose(self, drain_seconds: float) -> None:
        """Refuses new requests, lets running ones finish for `drain_seconds`, then aborts them."""
        ...


async def refuse_while_closing() -> AsyncGenerator[Delta, None]:
    """A generation that raises `BackendUnavailable` at the first `anext`, as every refusal does."""
    raise BackendUnavailable("the backend is closing")
    yield Delta()  # type: ignore[unreachable] # it makes this a generator
