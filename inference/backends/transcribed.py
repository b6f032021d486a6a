"""A backend whose model takes no recordings, behind what transcribes them. Imports no torch."""

import time
from dataclasses import replace

from inference.backend import Backend, DeltaStream, refuse_while_closing
from inference.backends.speech_recognition import SpeechRecognition
from inference.model_card import ModelCard
from inference.status import BackendStatus, DeviceLoad
from inference.types import GenerationRequest


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
            return refuse_while_closing()
        return self._speech.respond(request, self._backend)

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
