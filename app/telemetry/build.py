"""The one factory of telemetry.

Imports late: the messages' package is an extra, and the HTTP client takes memory.
"""

from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from app.settings import TelemetrySettings

if TYPE_CHECKING:
    from app.telemetry.telemetry import Telemetry


def build_telemetry(settings: TelemetrySettings, registry: Collector, version: str) -> "Telemetry | None":
    """Unstarted, or None without an endpoint. Raises `ModuleNotFoundError` without the extra `otel`."""
    if settings.endpoint is None:
        return None
    from app.telemetry.encoder import OTLPEncoder
    from app.telemetry.telemetry import Telemetry

    return Telemetry(settings, OTLPEncoder(settings.service_name, version), registry)
