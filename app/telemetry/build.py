"""Builds telemetry, if the settings name a collector.

Imports late: the SDK is an extra, and it takes memory.
"""

import logging
import ssl
from typing import TYPE_CHECKING, Final

from prometheus_client.registry import Collector

from app.library_variables import ignore_library_variables
from app.settings import TelemetrySettings

if TYPE_CHECKING:
    from app.telemetry.telemetry import Telemetry

TELEMETRY_PACKAGES: Final = ("opentelemetry.exporter", "opentelemetry.sdk")  # of the extra
# Their messages contain the collector's address and headers. `CollectorSession` logs in their place.
SILENCED_LOGGERS: Final = ("opentelemetry.exporter", "urllib3")


def build_telemetry(settings: TelemetrySettings, registry: Collector, version: str) -> "Telemetry | None":
    """Return telemetry that is not started, or None without an endpoint.

    Raises `ModuleNotFoundError` if the extra `otel` is not installed, and `OSError` if the file of trusted
    certificates cannot be used.
    """
    if settings.endpoint is None:
        return None
    ignore_library_variables()
    for name in SILENCED_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    from app.telemetry.telemetry import Telemetry

    if settings.ca_file is not None:
        ssl.create_default_context(cafile=settings.ca_file)
    return Telemetry(settings, registry, version)
