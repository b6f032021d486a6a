"""Variables of the environment that libraries read themselves. The gateway has its own settings instead."""

import os
from typing import Final

PREFIXES: Final = ("OTEL_", "PROMETHEUS_", "prometheus_")


def ignore_library_variables() -> None:
    """Remove them from the environment of this process.

    Call this before FastAPI, the OpenTelemetry SDK or the Prometheus client is imported: they read their
    variables then, and fail at some values. Some, as those for headers, no argument replaces.
    """
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        del os.environ[name]
