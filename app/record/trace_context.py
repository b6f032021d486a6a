"""W3C trace context: which trace a request belongs to, as a proxy or an app in front of us says.

Its flags are not looked at: whether a request is recorded is this gateway's decision, not a stranger's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

HEADER: Final = b"traceparent"
PROXY_SECONDS: Final = b"x-proxy-seconds"  # as nginx writes $request_time
_SECONDS: Final = re.compile(rb"[0-9]{1,4}\.[0-9]{3}")
_FORM: Final = re.compile(
    rb"(?:00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}"
    rb"|(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?)"
)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """`trace_id` has 16 bytes, `span_id` 8; neither is all zeros."""

    trace_id: bytes
    span_id: bytes

    @property
    def is_begun_by_proxy(self) -> bool:
        """Whether the span is nginx's own: it has one random number, whose first half it repeats."""
        return self.span_id == self.trace_id[:8]


def trace_context_of(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """None without a valid header, or with more than one: the request begins a trace of its own then."""
    values = [value for name, value in headers if name == HEADER]
    if len(values) != 1:
        return None
    found = _FORM.fullmatch(values[0])
    if found is None:
        return None
    trace_id, span_id = (bytes.fromhex(part.decode()) for part in found.groups() if part is not None)
    return TraceContext(trace_id, span_id) if any(trace_id) and any(span_id) else None


def proxy_seconds_of(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """How long the proxy had the request before it asked us; None without one."""
    values = [value for name, value in headers if name == PROXY_SECONDS]
    return float(values[0]) if len(values) == 1 and _SECONDS.fullmatch(values[0]) else None
