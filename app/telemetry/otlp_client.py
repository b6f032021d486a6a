"""Speaks OTLP over HTTP to the collector. Says once that it is away, and once that it is back."""

import logging
import ssl
from typing import Final, Literal

import httpx

from app.settings import TelemetrySettings

logger = logging.getLogger(__name__)

Signal = Literal["traces", "metrics"]
Delivery = Literal["delivered", "later", "never"]

TIMEOUT_SECONDS: Final = 10.0
TRY_LATER: Final = frozenset({429, 502, 503, 504})  # as OTLP's specification has it


class OTLPClient:
    """Opened and closed by `Telemetry`. The headers may be secret and are never logged."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._base_url = (settings.endpoint or "").rstrip("/")
        # Proxies and .netrc of the environment are not for us: settings alone say where things go.
        self._client = httpx.AsyncClient(
            headers=settings.header_values | {"Content-Type": "application/x-protobuf"},
            verify=ssl.create_default_context(cafile=settings.ca_file),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=2),
        )
        self._away: set[Signal] = set()

    async def send(self, signal: Signal, body: bytes) -> Delivery:
        """What became of a serialised export request."""
        try:
            answer = await self._client.post(f"{self._base_url}/v1/{signal}", content=body)
        except httpx.HTTPError as error:
            self._note_away(signal, type(error).__name__)
            return "later"
        if answer.is_success:
            if signal in self._away:
                logger.info("%s are delivered again", signal)
            self._away.discard(signal)
            return "delivered"
        self._note_away(signal, f"status {answer.status_code}")
        return "later" if answer.status_code in TRY_LATER else "never"

    def _note_away(self, signal: Signal, why: str) -> None:
        if signal not in self._away:
            logger.warning("%s cannot be delivered: %s", signal, why)
        self._away.add(signal)

    async def aclose(self) -> None:
        await self._client.aclose()
