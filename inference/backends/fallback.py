"""Several backends in an order: the next one serves what the one before has no place for, or cannot begin."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import TypeVar

from inference.backend import Backend, DeltaStream
from inference.errors import BackendUnavailable, EngineFailed, InferenceError, QueueFull
from inference.model_card import ModelCard
from inference.status import BackendStatus, DeviceLoad, WorkerStatus
from inference.types import Delta, GenerationRequest

Named = TypeVar("Named", WorkerStatus, DeviceLoad)


class FallbackBackend:
    """See `Backend`. Starts and closes all of them. The first Delta of a generation has the name of its own.

    The model is described by the first one that knows it; no request may be longer than the shortest context.
    """

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        """`backends` by name, the preferred one first."""
        self._backends = dict(backends)

    @property
    def model_card(self) -> ModelCard:
        cards = [backend.model_card for backend in self._backends.values()]
        return replace(
            next((card for card in cards if card.is_known), cards[0]),
            context_length=min(card.context_length for card in cards),
            is_known=cards[0].is_known,
        )

    async def start(self) -> None:
        async with AsyncExitStack() as started:
            for backend in self._backends.values():
                await backend.start()
                started.push_async_callback(backend.aclose, 0)
            started.pop_all()

    def generate(self, request: GenerationRequest) -> DeltaStream:
        return self._generate(request)

    async def _generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """If none of them has a place, the caller gets the first one's error."""
        first_error: InferenceError | None = None
        for name, backend in self._backends.items():
            async with aclosing(backend.generate(request)) as deltas:
                try:
                    begun = await anext(deltas)
                except (QueueFull, BackendUnavailable, EngineFailed) as error:
                    first_error = first_error or error
                    continue
                except InferenceError:
                    if first_error is None:
                        raise
                    continue  # such as for a picture that only the first one takes
                yield begun._replace(backend=name, worker=begun.worker and _unique(name, begun.worker))
                async for delta in deltas:
                    yield delta
                return
        assert first_error is not None
        raise first_error

    def status(self) -> BackendStatus:
        statuses = [(name, backend.status()) for name, backend in self._backends.items()]
        return BackendStatus(
            tuple(_named(name, worker) for name, status in statuses for worker in status.workers),
            tuple(_named(name, worker) for name, status in statuses for worker in status.speech_workers),
        )

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        return tuple(
            _named(name, load) for name, backend in self._backends.items() for load in backend.device_loads()
        )

    async def aclose(self, drain_seconds: float) -> None:
        """One after the other: a request that the first one refuses while it closes may go to the next."""
        ends_at = time.monotonic() + drain_seconds
        for backend in self._backends.values():
            await backend.aclose(max(0.0, ends_at - time.monotonic()))


def _named(backend: str, part: Named) -> Named:
    return replace(part, worker=_unique(backend, part.worker))


def _unique(backend: str, worker: str) -> str:
    """Every backend numbers its workers from 0."""
    return f"{backend}-{worker}"
