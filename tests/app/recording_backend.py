"""A backend that notes what the gateway sends to it, and passes it on."""

import dataclasses

from inference import Backend, DeltaStream, GenerationRequest

from .gateway import Gateway


class RecordingBackend:
    """Wraps the backend of a running gateway, which closes it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.requests: list[GenerationRequest] = []

    def generate(self, request: GenerationRequest) -> DeltaStream:
        self.requests.append(request)
        return self._backend.generate(request)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


def record_requests(gateway: Gateway) -> list[GenerationRequest]:
    """The requests from now on."""
    backend = RecordingBackend(gateway.services.backend)
    gateway.services = dataclasses.replace(gateway.services, backend=backend)
    gateway.app.state.services = gateway.services
    return backend.requests
