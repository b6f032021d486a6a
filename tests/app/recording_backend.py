"""A backend that notes what the gateway sends to it, and passes it on."""

import dataclasses
from collections.abc import AsyncGenerator
from typing import Any

from inference import Backend, Delta, DeltaStream, GenerationRequest, ModelCard, QueueFull

from .gateway import Gateway


class RecordingBackend:
    """Wraps the backend of a running gateway, which closes it. Its queue is full after `most` requests.

    `card` has what its model card says otherwise.
    """

    def __init__(self, backend: Backend, most: int | None, card: dict[str, Any]) -> None:
        self._backend = backend
        self._most = most
        self._card = card
        self.requests: list[GenerationRequest] = []

    def generate(self, request: GenerationRequest) -> DeltaStream:
        self.requests.append(request)
        if self._most is not None and len(self.requests) > self._most:
            return _refuse()
        return self._backend.generate(request)

    @property
    def model_card(self) -> ModelCard:
        return dataclasses.replace(self._backend.model_card, **self._card)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


async def _refuse() -> AsyncGenerator[Delta, None]:
    raise QueueFull("the queue is full")
    yield Delta()  # it makes this a generator


def record_requests(gateway: Gateway, most: int | None = None, **card: Any) -> list[GenerationRequest]:
    """The requests from now on."""
    backend = RecordingBackend(gateway.services.backend, most, card)
    gateway.services = dataclasses.replace(gateway.services, backend=backend)
    gateway.app.state.services = gateway.services
    return backend.requests
