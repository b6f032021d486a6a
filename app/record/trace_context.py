"""W3C trace context: the trace that a request belongs to, as a proxy or an app in front of the gateway says.

The context's flags are ignored: the gateway decides whether a request is traced, not its client.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER: Final = b"traceparent"
PROXY_SECONDS: Final = b"x-proxy-seconds"  # as nginx writes $request_time
MAX_LENGTH: Final = 512  # the propagator logs a warning for each longer one
_SECONDS: Final = re.compile(rb"[0-9]{1,4}\.[0-9]{3}")
_PROPAGATOR: Final = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class TraceContext:
    """`trace_id` has 16 bytes, `span_id` 8; neither is all zeros."""

    trace_id: bytes
    span_id: bytes

    @property
    def is_begun_by_proxy(self) -> bool:
        """Whether the span is nginx's own: nginx has one random number, and repeats its first half."""
        return self.span_id == self.trace_id[:8]


def trace_context_of(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """Return None without one valid header: the request begins a trace of its own then."""
    values = [value for name, value in headers if name == HEADER]
    if len(values) != 1 or len(values[0]) > MAX_LENGTH or values[0] != values[0].strip():
        return None
    carrier = {"traceparent": values[0].decode("latin-1")}
    context = get_current_span(_PROPAGATOR.extract(carrier)).get_span_context()
    if not context.is_valid:
        return None
    return TraceContext(context.trace_id.to_bytes(16), context.span_id.to_bytes(8))


def proxy_seconds_of(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Return how long the proxy had the request before it sent it on; None without a proxy."""
    values = [value for name, value in headers if name == PROXY_SECONDS]
    return float(values[0]) if len(values) == 1 and _SECONDS.fullmatch(values[0]) else None
