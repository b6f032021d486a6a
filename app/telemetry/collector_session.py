"""The HTTP session that an exporter posts with.

Remembers what the collector did with the last request, and logs when that changes. Never logs the collector's
address or headers, which may be secret.
"""

import logging
import ssl
from pathlib import Path
from typing import Any, Final, Literal

import requests

logger = logging.getLogger(__name__)

Signal = Literal["traces", "metrics"]
Outcome = Literal["delivered", "unavailable", "refused"]

RETRYABLE: Final = frozenset({429, 502, 503, 504})  # the OTLP specification lists them


class NotDelivered(Exception):
    """The collector did not take the request. The exporter does not repeat a request that raises this."""


class CollectorSession(requests.Session):
    """Belongs to one exporter, which closes it; used by one thread at a time."""

    def __init__(self, signal: Signal) -> None:
        super().__init__()
        self.trust_env = False  # proxies and .netrc of the environment: settings alone decide
        self.outcome: Outcome = "refused"
        self._signal = signal
        self._is_failing = False

    def request(self, *args: Any, **options: Any) -> requests.Response:  # Any: passed on as they come
        """Raises `NotDelivered`."""
        self.outcome = "unavailable"
        try:
            response = super().request(*args, **options)
        except OSError as error:  # as are the library's own, and that of a missing file of certificates
            raise self._failure(type(error).__name__) from None  # its message quotes the address
        if not 200 <= response.status_code < 300:  # a redirect is not followed
            self.outcome = "unavailable" if response.status_code in RETRYABLE else "refused"
            raise self._failure(f"status {response.status_code}")
        self.outcome = "delivered"
        if self._is_failing:
            logger.info("%s are delivered again", self._signal)
        self._is_failing = False
        return response

    def _failure(self, reason: str) -> NotDelivered:
        if not self._is_failing:
            logger.warning("%s cannot be delivered: %s", self._signal, reason)
        self._is_failing = True
        return NotDelivered(reason)


def certificate_file(ca_file: Path | None) -> str | None:
    """The file or directory of trusted certificates: `ca_file`, or the system's.

    None lets `requests` use those it brings along, where the system has none.
    """
    paths = ssl.get_default_verify_paths()
    return str(ca_file) if ca_file is not None else paths.cafile or paths.capath
