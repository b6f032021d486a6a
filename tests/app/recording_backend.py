"""A backend that notes what the gateway sends to it, and passes it on."""

import dataclasses
from collections.abc import AsyncGenerator

from inference import Backend, Delta, DeltaStream, GenerationRequest, QueueFull

from .gateway import Gateway


class RecordingBackend:
    """Wraps the backend of a running gateway, which closes it. Its queue is full after `most` requests."""

    def __init__(self, backend: Backend, most: int | None) -> None:
        self._backend = backend
        self._most = most
        self.requests: list[GenerationRequest] = []

    def generate(self, request: GenerationRequest) -> DeltaStream:
        self.requests.append(request)
        if self._most is not None and len(self.requests) > self._most:
            return _refuse()
        return self._backend.generate(request)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


async def _refuse() -> AsyncGenerator[Delta, None]:
    raise QueueFull("the queue is full")
    yield Delta()  # it makes this a generator


def record_requests(gateway: Gateway, most: int | None = None) -> list[GenerationRequest]:
    """The requests from now on."""
    backend = RecordingBackend(gateway.services.backend, most)
    gateway.services = dataclasses.replace(gateway.services, backend=backend)
    gateway.app.state.services = gateway.services
    return backend.requests
