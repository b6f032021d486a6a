"""A backend whose model takes no recordings, behind what transcribes them. Imports no torch."""

import time
from collections.abc import AsyncGenerator
from dataclasses import replace

from inference.backend import Backend, DeltaStream
from inference.backends.speech_recognition import SpeechRecognition, has_recording
from inference.errors import BackendUnavailable
from inference.model_card import ModelCard
from inference.status import BackendStatus, DeviceLoad
from inference.types import Delta, GenerationRequest


class TranscribedBackend:
    """See `Backend`. Starts and closes both."""

    def __init__(self, backend: Backend, speech: SpeechRecognition) -> None:
        self._backend = backend
        self._speech = speech
        self._ears: ModelCard | None = None
        self._is_closing = False

    @property
    def model_card(self) -> ModelCard:
        card = self._backend.model_card
        if self._ears is None:
            return card
        return replace(card, modalities=card.modalities | {"audio"}, speech_fit=self._ears.speech_fit)

    async def start(self) -> None:
        self._ears = await self._speech.start()
        try:
            await self._backend.start()
        except BaseException:
            await self._speech.aclose(0)
            raise

    def generate(self, request: GenerationRequest) -> DeltaStream:
        if self._is_closing:
            return _refuse()
        if not has_recording(request):
            return self._backend.generate(request)
        if request.task == "transcribe":
            return self._speech.transcribe(request)
        return self._speech.generate(request, self._backend)

    def status(self) -> BackendStatus:
        return replace(self._backend.status(), speech_workers=self._speech.status().workers)

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        return self._backend.device_loads()

    async def aclose(self, drain_seconds: float) -> None:
        """Closes the model last, because requests continue there after their recordings are transcribed."""
        self._is_closing = True
        started_at = time.monotonic()
        await self._speech.aclose(drain_seconds)
        await self._backend.aclose(max(0.0, drain_seconds - (time.monotonic() - started_at)))


async def _refuse() -> AsyncGenerator[Delta, None]:
    """Raises at the first `anext`, as every generation does."""
    raise BackendUnavailable("the backend is closing")
    yield Delta()  # type: ignore[unreachable] # it makes this a generator
